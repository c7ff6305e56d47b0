"""The same recipe on a local Ray instance: the same bytes, the same errors."""

import pytest

from data_engine.run import run
from facellm.core.errors import FaceLLMError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def end_ray():
    yield
    ray.shutdown()


def test_ray_gives_the_same_corpus_and_the_same_errors(recipe, results, tmp_path):
    steps = [
        {"use": "pipeline_parts:Sieve", "by": 7, "fails_on": 5},
        {"use": "pipeline_parts:Waiter", "seconds": 0.001},
        {"use": "pipeline_parts:Backwards"},
        {"use": "pipeline_parts:Talk"},
    ]
    path = recipe(steps=steps)
    local = run(path, [f"output_dir={tmp_path}/local"])
    on_ray = run(path, [f"output_dir={tmp_path}/ray", "executor=ray"])
    assert results(on_ray) == results(local)

    stopping = recipe("other.yaml", steps=[{"use": "pipeline_parts:Sieve", "stops_on": "s9"}])
    with pytest.raises(FaceLLMError, match=r"^the teacher has gone$"):
        run(stopping, ["executor=ray"])
    with pytest.raises(FaceLLMError, match=r"^the teacher has gone$"):
        run(stopping, ["executor=local"])  # either may resume what the other began


def test_a_shard_whose_actor_dies_is_done_by_the_next_and_one_that_kills_all_ends_the_run(
    recipe, results, tmp_path
):
    mark = tmp_path / "died"
    once = [{"use": "pipeline_parts:Sieve", "by": 7, "dies_on": "s9", "mark": str(mark)}]
    on_ray = run(recipe(steps=once), [f"output_dir={tmp_path}/ray", "executor=ray"])
    assert mark.is_file()
    local = run(recipe(steps=once), [f"output_dir={tmp_path}/local"])
    assert results(on_ray) == results(local)

    always = [{"use": "pipeline_parts:Sieve", "by": 7, "dies_on": "s9"}]
    with pytest.raises(FaceLLMError, match=r"Ray gave up: .*run the same command again"):
        run(recipe("always.yaml", steps=always), [f"output_dir={tmp_path}/dead", "executor=ray"])
