import pathlib
import re

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "ops.md"


def test_the_example_of_the_page_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {})
