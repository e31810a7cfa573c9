"""Merkle trees as in certificate transparency (RFC 9162, section 2.1): one hash for many leaves, and short proofs.

>>> leaves = [leaf_hash(word) for word in (b"a", b"b", b"c")]
>>> root = root_of(leaves)
>>> path = path_to(1, leaves)
>>> len(path), root_by(leaves[1], 1, 3, path) == root
(2, True)
"""

from collections.abc import Sequence
from hashlib import sha256

__all__ = ["leaf_hash", "path_to", "root_by", "root_of"]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf; no leaf can be taken for a node, which begins otherwise."""
    return sha256(b"\0" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The level above: nodes of two; the last one of an odd number goes up as it is."""
    nodes = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*nodes, level[-1]] if len(level) % 2 else nodes


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over the hashes of leaves, of which there is at least one."""
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path_to(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """What must be known beside a leaf to come to the root: the neighbours on the way, from the leaf upwards."""
    path, level = [], list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index, level = index >> 1, _above(level)
    return path


def root_by(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which the hash of a leaf leads, as number `index` of `size`; None where the path is no way there."""
    node, last = leaf, size - 1
    if not 0 <= index <= last:
        return None
    for neighbour in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            node = _node(neighbour, node)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            node = _node(node, neighbour)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None
