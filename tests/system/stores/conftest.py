# SPDX-License-Identifier: MIT
"""A store of each kind for the tests beside this file."""
import pytest

from managed_store import KINDS, Store


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    with Store(request.param, tmp_path) as made:
        yield made
