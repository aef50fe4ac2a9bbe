"""Run a command and print the seconds of processor time that it took, and the KiB of memory that it took at most.

A process of its own, and a small one: a child inherits the peak of the process that starts it.
"""

import os
import subprocess
import sys

if __name__ == "__main__":
    started = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
    sys.exit(started.returncode)
