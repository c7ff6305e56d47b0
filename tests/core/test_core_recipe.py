"""Reading recipes of any kind; the mistakes a user can make in one."""

import pytest
from pydantic import Field

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import Part, claim, dump, load


class Inner(Part):
    rate: float = 1.0


class Outer(Part):
    name: str
    inner: Inner = Inner()
    items: list[Inner] = Field(default_factory=list)
    mixed: Inner | list[Inner] = Inner()


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text("name: ${NAME_OF_RECIPE:-plain}\nitems: [{rate: 2}]\n")
    return file


def test_defaults_environment_and_overrides_in_that_order(path, monkeypatch):
    assert load(Outer, path).name == "plain"
    monkeypatch.setenv("NAME_OF_RECIPE", "other")
    recipe = load(Outer, path, ["items.0.rate=1e-4", "inner.rate=3"])
    assert (recipe.name, recipe.items[0].rate, recipe.inner.rate) == ("other", 1e-4, 3)


def test_what_is_dumped_is_read_back(path, tmp_path):
    recipe = load(Outer, path, ["name=Zoë"])
    again = tmp_path / "again.yaml"
    again.write_text(dump(recipe), encoding="utf-8")
    assert load(Outer, again) == recipe


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("", [], "expected keys and values"),
        ("[1]", [], "expected keys and values"),
        ("name: [1", [], "is not YAML"),
        ("name: ${NOT_SET_ANYWHERE}", [], "NOT_SET_ANYWHERE"),
        ("inner: {}", [], "name: Field required"),
        ("name: a\nother: 1", [], "no option 'other'; expected one of name, inner, items, mixed"),
        (
            "name: a\nnames: 1",
            [],
            r"no option 'names' \(did you mean name\?\); expected one of name, i",
        ),
        (
            "name: a",
            ["inner.rat=1"],
            r"inner: no option 'rat' \(did you mean rate\?\); expected one",
        ),
        ("name: a\nitems: [{}, {x: 1}]", [], "items.1: no option 'x'; expected one of rate"),
        ("name: a\nmixed: {rte: 1}", [], "mixed: no option 'rte'"),
        ("name: a\nmixed: [{rate: 1}, {rte: 1}]", [], "mixed.1: no option 'rte'"),
        ("name: a\nmixed: [{rate: much}]", [], "mixed.0.rate: Input should be a valid number"),
        ("name: a", ["name"], "has no '='"),
        ("items: [{}]", ["items.3.rate=1"], "names no place"),
        ("name: a", ["name.b=1"], "names no place"),
        ("name: a", ["inner=[1"], "value is not YAML"),
    ],
)
def test_mistakes_are_one_line(path, text, overrides, message):
    path.write_text(text)
    with pytest.raises(FaceLLMError, match=message) as caught:
        load(Outer, path, overrides)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(FaceLLMError, match="no recipe"):
        load(Outer, tmp_path / "none.yaml")
    (tmp_path / "picture.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(FaceLLMError, match="is not YAML"):
        load(Outer, tmp_path / "picture.yaml")


def test_a_folder_belongs_to_what_its_recipe_says_and_not_to_how(tmp_path):
    claim(tmp_path, "seed: 0\nrate: 1.0\n")
    claim(tmp_path, "rate: 1.0\nseed: 0\n")
    with pytest.raises(FaceLLMError, match=r"differs in seed; choose another output_dir"):
        claim(tmp_path, "rate: 1.0\nseed: 1\n")
    with pytest.raises(FaceLLMError, match=r"differs in seed; "):
        claim(tmp_path, "rate: 1.0\n")
