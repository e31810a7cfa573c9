"""Merkle trees: known roots, and proofs that lead there from each leaf and from nothing else."""

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.merkle import leaf_hash, path_to, root_by, root_of

# The leaves of the tests of certificate transparency, and the roots over the first so many of them (RFC 6962).
LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243")]
LEAVES += [bytes.fromhex("5051525354555657"), bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", ROOTS)
def test_a_root_is_the_one_that_everybody_comes_to(size: int) -> None:
    assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


@given(st.integers(1, 70), st.data())
def test_a_proof_leads_from_its_leaf_to_the_root_and_no_other_does(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, path = root_of(leaves), path_to(index, leaves)
    assert root_by(leaves[index], index, size, path) == root
    assert len(path) <= (size - 1).bit_length()

    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index)) if size > 1 else None
    if other is not None:
        assert root_by(leaves[other], index, size, path) != root
        assert root_by(leaves[index], other, size, path) != root
        broken = [*path]
        at = data.draw(st.integers(0, len(path) - 1))
        broken[at] = sha256(broken[at]).digest()
        assert root_by(leaves[index], index, size, broken) != root
    assert root_by(leaves[index], index, size, [*path, bytes(32)]) is None
    assert root_by(leaves[index], size, size, path) is None


def test_that_two_leaves_change_places_changes_the_root() -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(33)]
    order = random.Random(7)
    for _ in range(50):
        first, second = order.sample(range(33), 2)
        swapped = [*leaves]
        swapped[first], swapped[second] = leaves[second], leaves[first]
        assert root_of(swapped) != root_of(leaves)
