"""Limits on the work that the files of one repository can cause, so that the other repositories of a run go on.

Each limit bounds a product of two sizes that the authors of a repository choose, such as rules and image references.
"""

from __future__ import annotations

MAX_FILE_REFERENCES = 10_000
"""The maximum number of image references in one file. The rendered manifests of a whole cluster have about a
thousand."""
MAX_FILE_FACTS = 20_000
"""The maximum number of cross-file facts in one file. The largest values files of public charts state about a
hundred."""
MAX_TREE_REFERENCES = 50_000
"""The maximum number of image references in one tree. A folder with a hundred public repositories has 15,000."""
MAX_TREE_FACTS = 200_000
"""The maximum number of cross-file facts in one tree. A public repository with 118 charts states 9,138."""
MAX_TREE_UNREAD_TEXTS = 10_000
"""The maximum number of texts in one tree that look like image references and that no format reads. Further texts are
left out. A public repository with a hundred Tekton tasks has 400."""
MAX_TREE_BYTES = 256 * 1024 * 1024
"""The maximum number of bytes of the files in one tree that contain image references or cross-file facts. basebump
keeps these files in memory until the end of the run. A public repository with 118 charts has 24 MB of them."""
MAX_TREE_READ_BYTES = 2 * 1024 * 1024 * 1024
"""The maximum number of bytes of all files in one tree that basebump reads, with or without images. Files can have the
same content, so a git repository of a few kilobytes can contain any number of large files. A hundred megabytes without
images take up to ten seconds, so a tree takes up to a few minutes."""
MAX_TREE_PATH_CHARACTERS = 64 * 1024 * 1024
"""The maximum number of characters of all paths in one tree. Selecting the files for all formats takes about a tenth of
a microsecond for each character. Subfolders of a git tree can be equal, so a few hundred bytes of git objects can
contain billions of paths. A million files with paths of 60 characters are within the limit."""
MAX_PATH_FOLDERS = 100
"""The maximum number of folders around a file. Many formats look for other files in all of these folders, so the
work grows with the square of this number. A hundred is several times as many as people nest."""
MAX_RUN_REFERENCES = 500_000
"""The maximum number of image references in all repositories of a run. All of them are in memory at the same time, with
about two kilobytes each."""
MAX_TREE_STEPS = 1_000_000
"""The maximum number of steps in which files of one tree are applied to its image references. One step is a rule, a
pattern or a path that is compared with one reference, and takes 1 to 7 microseconds. A Renovate config with a hundred
rules of three patterns takes 400 steps for a reference."""
COMPARED_BYTES = 1_024
"""The product of the size of a pattern and the size of a value whose comparison counts as one further step. RE2 needs
at most 5 nanoseconds for each pair of an instruction and a byte, which is as long as the other work of a step."""
MAX_TREE_PATTERN_BYTES = 128 * 1024
"""The maximum number of bytes of the patterns in one tree that are compiled. The configs of other bots with the most
patterns have 10 kB of them."""
MIN_PATTERN_BYTES = 128
"""The number of bytes that a shorter pattern counts, because a compiled pattern needs memory whatever its length. So at
most 1,024 patterns of a tree are compiled."""
MAX_TREE_IMAGES = 1_000
"""The maximum number of distinct tags in one repository that are looked up in registries for this repository. No public
repository is known that uses so many. Each lookup costs one to four requests of the quota that all repositories
share, and up to ten times as many if a rule allows other tags."""
MAX_TREE_EDITED_BYTES = 128 * 1024 * 1024
"""The maximum number of bytes of the edited files in all proposals for one repository. Each proposal parses its edited
files again and keeps them in memory, so a thousand proposals for one large file cost a thousand files. A megabyte takes
one to two seconds. The proposals for a public repository with 118 charts and 202 images count 26 MB."""
RELATED_ITEM_BYTES = 8
"""The bytes that each image reference and each cross-file fact of a tree counts if an edit changes a fact. The
references of the whole tree are then related again, which takes 8 microseconds for each of them."""
STEP_BYTES = 4
"""The bytes that each step counts in which facts are applied again."""

MAX_TAG_COMPARISONS = 5_000_000
"""The maximum number of pairs of a tag in files and a tag in the list of its registry that are compared in a run. One
pair takes up to 20 microseconds. A fleet with 50 tags of each of ten repositories with 8,000 tags needs 4,000,000."""

MAX_REPOSITORY_RULES = 20
"""The maximum number of rules in a repository's own config file. People write fewer than ten."""
MAX_REPOSITORY_ITEMS = 20
"""The maximum number of items in each list of globs in a repository's own config file, and of labels and reviewers in
the whole file."""
MAX_REPOSITORY_PROBLEMS = 20
"""The maximum number of problems that are reported for a repository's own config file. The text of all problems becomes
part of the dashboard, and each problem can be as long as a line of the file."""
