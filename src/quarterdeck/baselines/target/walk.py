"""The walk below the watched roots, dealt out to forked workers. Runs on the target: Python 3.6, standard library."""

import os
import posixpath
import select
import stat
import struct
from collections.abc import Iterator

from quarterdeck.baselines.target.files import record, set_carry
from quarterdeck.baselines.target.frames import END, RECORDS, error_name, frame, read_exactly, write_all

BATCH = 256
FRAME_TEXT = 1 << 21


def place(item: "os.DirEntry[bytes]", device: int) -> bytes:
    """Return `folder` for a folder to walk into, `file` for a file, else the problem with the object (empty: none)."""
    try:
        if item.is_file(follow_symlinks=False):
            return b"file"
        if not item.is_dir(follow_symlinks=False):
            return b""
        return b"folder" if item.stat(follow_symlinks=False).st_dev == device else b"EXDEV"
    except OSError as error:
        return error_name(error)


def walk_root(root: bytes, named: "set[bytes]") -> "Iterator[tuple[bytes, bytes]]":
    """Give (path, problem or `file`) of every object below a root, never leaving its file system for another root."""
    try:
        seen = os.lstat(root)
    except OSError as error:
        yield root, error_name(error)
        return
    stack = [root] if stat.S_ISDIR(seen.st_mode) else []
    if not stack:
        yield root, b""
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as listing:
                inside = list(listing)
        except OSError as error:
            yield folder, error_name(error)
            continue
        yield folder, b""
        for item in inside:
            if item.path in named:
                continue
            problem = place(item, seen.st_dev)
            if problem == b"folder":
                stack.append(item.path)
            else:
                yield item.path, problem


def worker(jobs: int, results: int) -> None:
    """Turn batches of NUL-separated paths into frames of manifest lines; an empty length ends each batch."""
    while True:
        size = read_exactly(jobs, 4)
        if len(size) < 4:
            return
        lines, length = [], 0
        for job in read_exactly(jobs, struct.unpack(">I", size)[0]).split(b"\0"):
            problem, _, rest = job.partition(b"/")
            lines.append(record(b"/" + rest, problem))
            length += len(lines[-1])
            if length > FRAME_TEXT:
                write_all(results, frame(RECORDS, b"".join(lines)))
                lines, length = [], 0
        write_all(results, (frame(RECORDS, b"".join(lines)) if lines else b"") + END)


class Crew:
    """Forked workers, each with its own two pipes, so that no two ever write into one stream."""

    def __init__(self, size: int) -> None:
        """Fork `size` workers."""
        self.jobs = {}  # type: dict[int, int]
        self.pids = []  # type: list[int]
        for _ in range(size):
            job_read, job_write = os.pipe()
            result_read, result_write = os.pipe()
            pid = os.fork()
            if not pid:
                for descriptor in [job_write, result_read, *self.jobs, *self.jobs.values()]:
                    os.close(descriptor)
                try:
                    worker(job_read, result_write)
                    os._exit(0)
                finally:
                    os._exit(1)
            os.close(job_read)
            os.close(result_write)
            self.pids.append(pid)
            self.jobs[result_read] = job_write

    def run(self, batches: "Iterator[bytes]") -> None:
        """Deal the batches to whoever is free and pass the frames on to standard output until all is done."""
        poll = select.poll()
        for results in list(self.jobs):
            poll.register(results, select.POLLIN)
            self.deal(results, batches)
        while any(self.jobs.values()):
            for results, _ in poll.poll():
                size = read_exactly(results, 4)
                if size == END:
                    self.deal(results, batches)
                elif size:
                    write_all(1, size + read_exactly(results, struct.unpack(">I", size)[0]))
                else:
                    poll.unregister(results)
                    if self.jobs[results]:
                        raise SystemExit("a worker of the collector died")
        if any(os.waitpid(pid, 0)[1] for pid in self.pids):
            raise SystemExit("a worker of the collector failed")

    def deal(self, results: int, batches: "Iterator[bytes]") -> None:
        """Give the next batch to a worker that waits for one, or end its stream."""
        batch = next(batches, None)
        if batch is None:
            os.close(self.jobs[results])
            self.jobs[results] = 0
        else:
            write_all(self.jobs[results], struct.pack(">I", len(batch)) + batch)


def in_batches(found: "Iterator[tuple[bytes, bytes]]", count: "list[int]") -> "Iterator[bytes]":
    """Give batches of paths for a worker and keep count."""
    batch = []
    for path, problem in found:
        batch.append(problem + path)
        count[0] += 1
        if len(batch) == BATCH:
            yield b"\0".join(batch)
            batch = []
    if batch:
        yield b"\0".join(batch)


def manifest(arguments: "list[str]") -> int:
    """Measure every object below the roots, write the record frames and return how many objects there were."""
    size = min(len(os.sched_getaffinity(0)), 4)
    roots = set()
    for argument in arguments:
        if argument.startswith("workers="):
            size = min(max(int(argument[8:]), 1), 16)
        elif argument.startswith("carry="):
            set_carry(argument[6:])
        elif argument.startswith("/"):
            roots.add(os.fsencode(posixpath.normpath("/" + argument.lstrip("/"))))
        else:
            raise SystemExit("manifest takes absolute folders, workers=N and carry=, not " + argument)
    count = [0]
    found = (pair for root in sorted(roots) for pair in walk_root(root, roots))
    Crew(size).run(in_batches(found, count))
    return count[0]
