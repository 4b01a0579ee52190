"""Is this path on a network? Write-ahead logging needs memory that all processes share, which no network gives."""

from __future__ import annotations

from pathlib import Path

_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "panfs", "smb", "smb2", "smb3", "smbfs", "vboxsf", "drvfs", "acfs", "fuse.sshfs",
    "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.davfs2", "fuse.vmhgfs-fuse",
    "fuse.grpcfuse", "prl_fs", "virtiofs",
}  # fmt: skip


def is_network(path: Path, mounts: str | None = None) -> bool:
    """Tell whether a path lies on a file system that other machines may write to.

    Args:
        path: a file or folder; it need not be there yet.
        mounts: the text of ``/proc/self/mountinfo``; this process's own when not given.

    Returns:
        True for network and shared-folder file systems, False for local ones and where the system does not tell.

    Example:
        >>> is_network(Path("/home/ada/p"), "30 1 0:1 / /home rw - nfs4 server:/home rw")
        True
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        except OSError:
            return False
        path = path.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        # Of several mounts on one point the last is seen, so an equal length wins as well.
        if len(point) >= best and (path == Path(point) or Path(point) in path.parents):
            best, kind = len(point), right.split(" ")[0]
    return kind in _NETWORK
