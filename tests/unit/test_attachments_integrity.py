"""A database that the distribution's AIDE makes is taken whole, and refused when it is cut off."""

import io
import os
import shutil
from pathlib import Path

import pytest
from tests import aide

from quarterdeck.attachments.checking import check
from quarterdeck.kernel.decision import Refused


@pytest.mark.skipif(shutil.which("aide") is None or os.geteuid() != 0, reason="not run here: no aide")
def test_a_database_of_the_real_aide_is_taken(tmp_path: Path):
    tree = tmp_path / "tree"
    (tree / "sub folder").mkdir(parents=True)
    (tree / "sub folder" / "odd\nname").write_text("x")
    made = aide.init(aide.configuration(tmp_path, tree))
    assert check("integrity", io.BytesIO(made), len(made)).label == "database of AIDE"
    with pytest.raises(Refused):
        check("integrity", io.BytesIO(made[:-12]), len(made) - 12)
