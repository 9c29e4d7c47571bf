import importlib.util
import pathlib
import sys

# the table of members, for every test of this folder
if "members" not in sys.modules:
    path = pathlib.Path(__file__).with_name("members.py")
    spec = importlib.util.spec_from_file_location("members", path)
    sys.modules["members"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["members"])
