"""Control groups of the machine, version 1 or 2."""

import pathlib

from exporter import poll


class Group:
    """One with a limit of memory."""

    def __init__(self, name, limit):
        second = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        parent = pathlib.Path("/sys/fs/cgroup") if second else pathlib.Path("/sys/fs/cgroup/memory")
        self.folder = parent / name
        if second:
            (parent / "cgroup.subtree_control").write_text("+memory")
        self.folder.mkdir()
        self.limit = self.folder / ("memory.max" if second else "memory.limit_in_bytes")
        self.limit.write_text(str(limit))

    @property
    def wrapper(self):
        return ["sh", "-c", f'echo $$ >{self.folder}/cgroup.procs && exec "$@"', "sh"]

    def remove(self):
        poll("the group is empty", lambda: not (self.folder / "cgroup.procs").read_text())
        self.folder.rmdir()
