"""What the questions of an ablation share: recipe, folder, steps, and the faces to test on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from facellm.core.errors import FaceLLMError
from facellm.train.arms import Arm, Read, arm_recipe, parameters, read_kept, train_arm
from facellm.train.crops import Crops, load_crops, pick
from facellm.train.recipe import Corpus, Recipe

F1, F1_FOUND = "unit F1", "unit F1 as found"


@dataclass(frozen=True)
class Setting:
    """What all questions share."""

    recipe: Recipe
    out: Path
    steps: int
    speak_steps: int
    faces: int
    """Held-out faces, at most."""
    found: Path | None = None
    """The test corpus once more, with the points that a finder sees."""
    pairs: Path | None = None
    """Pictures that differ in one action unit, linked by `Sample.pair`."""
    eyes: Path | None = None
    """A model whose vision part the arms that answer see with."""

    def check(self, wanted: Sequence[str]) -> None:
        """See before anything is trained that every question has its corpora.

        Raises:
            FaceLLMError: one that has not.
        """
        if "landmarks" in wanted and self.found is None:
            raise FaceLLMError(
                "the question landmarks needs --found, the test corpus with found points; name it, "
                "or leave the question out of --ask"
            )
        if "interventions" in wanted and self.pairs is None:
            raise FaceLLMError(
                "the question interventions needs --pairs, a corpus of the rig with interventions; "
                "name it, or leave the question out of --ask"
            )

    @cached_property
    def own(self) -> list[Corpus]:
        """The recipe's corpora of samples; the first one's test split is tested on."""
        corpora = [corpus for corpus in self.recipe.corpora if corpus.path is not None]
        if not corpora:
            raise FaceLLMError("an ablation needs a corpus with path")
        return corpora

    @cached_property
    def tests(self) -> dict[str, Crops]:
        """`F1` → held-out faces, `F1_FOUND` → the same pictures with found points."""
        path = self.own[0].path
        assert path is not None
        tests = {F1: load_crops(path, "test", self.faces)}
        if self.found is not None:
            tests[F1_FOUND] = load_crops(self.found, "test")
            tests = joined(tests)
        return tests

    @cached_property
    def _loaded(self) -> dict[str, Crops]:
        return {}

    def load(self, corpus: Corpus) -> Crops:
        """The training faces of a corpus, kept in memory for the next arm."""
        assert corpus.path is not None
        key = str(corpus)
        if key not in self._loaded:
            self._loaded[key] = load_crops(
                corpus.path, "train", corpus.limit, corpus.balance, corpus.exact
            )
        return self._loaded[key]

    def arm(self, arm: Arm) -> Recipe:
        """The recipe of an arm, for as many steps as are asked for."""
        found = arm_recipe(self.recipe, arm, self.out / arm.folder)
        stages = [stage.model_copy(update={"max_steps": self.steps}) for stage in found.stages]
        return found.model_copy(update={"stages": stages})

    def ask(
        self, arm: Arm, more: Mapping[str, Crops] | None = None, fill_to: int = 0
    ) -> tuple[int, dict[str, Read]]:
        """Train an arm and read the tests off it: its parameters, and what it read of each test."""
        recipe = self.arm(arm)
        seer = train_arm(recipe, self.load, fill_to)
        reads = {
            name: read_kept(seer, crops, recipe.output_dir / f"read-{place}.npz")
            for place, (name, crops) in enumerate({**self.tests, **(more or {})}.items())
        }
        return parameters(seer), reads


def joined(tests: Mapping[str, Crops]) -> dict[str, Crops]:
    """The faces whose picture every test shows, in the order of the first; the rest is counted."""
    places = {
        name: {sample.id: row for row, sample in enumerate(crops.samples)}
        for name, crops in tests.items()
    }
    first = next(iter(tests.values()))
    ids = [s.id for s in first.samples if all(s.id in rows for rows in places.values())]
    if not ids:
        raise FaceLLMError("the corpora to test on share no picture; --found is the same once more")
    print(f"{len(first) - len(ids)} of {len(first)} test faces are not in all corpora: left out")
    return {n: pick(crops, [places[n][i] for i in ids]) for n, crops in tests.items()}


def subjects_of(crops: Crops) -> list[str]:
    """Whose face each is."""
    return [sample.provenance.subject_id for sample in crops.samples]
