"""Run a command, and print its processor time in seconds and its peak memory in KiB.

This program is a small separate process, because a child process inherits the peak memory of its parent.
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
