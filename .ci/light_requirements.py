"""Print what linear models and their tests need: what is declared, less what networks need."""

import re
import tomllib
from pathlib import Path

NETWORKS = {"torch", "skorch", "captum", "safetensors", "tqdm"}

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["test"], *extras["plot"]]:
    if re.match(r"[\w.-]+", requirement).group().lower() not in NETWORKS:
        print(requirement)
