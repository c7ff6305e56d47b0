# make demo | test | lint | bench | weights.  Everything installs itself into .venv on first use.
VENV ?= .venv
PY := $(VENV)/bin/python
PHOTO ?=
export HF_HUB_OFFLINE := 1
export DO_NOT_TRACK := 1

.PHONY: install demo test lint bench corpora weights clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt overrides.txt
	test -x $(PY) || python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check uv
	$(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt \
		--override overrides.txt -e '.[mediapipe,rig,data,cluster,eval,train,serve-cpu,demo,dev]'
	touch $@

demo: install
	PHOTO="$(PHOTO)" $(PY) -m facellm.demo

test: install
	$(PY) -m pytest

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy facellm/core facellm/tasks

bench: install
	$(PY) -m facellm.bench

# Corpora for the shipped weights: HEAD names an ICT-FaceKit folder, PHOTOS the lfw_emotion folder,
# FINDER_MODEL the folder with the mediapipe finder's files.
corpora: install
	$(PY) -m data_engine.rig $(HEAD) --out corpora/rig --count 24000 --identities 600 --start-identity 1000 --size 144 --seed 3 --workers 2
	$(PY) -m data_engine.sources.lfw_emotion $(PHOTOS) --finder-model $(FINDER_MODEL) --out corpora/photos
	CORPUS=corpora/rig $(VENV)/bin/facellm data data_engine/recipes/found_faces.yaml
	CORPUS=corpora/photos $(VENV)/bin/facellm data data_engine/recipes/found_faces.yaml

# Weights of the shipped kind: see and speak, readings calibrated, talk, three seeds of GRPO, the
# mean of these and their start, and how sure it may be of expressions.
weights: install
	$(VENV)/bin/facellm train facellm/recipes/nano.yaml
	$(PY) -m facellm.train.calibrate runs/nano/model corpora/rig corpora/rig_found corpora/photos corpora/photos_found --out runs/nano-calibrated
	CORPUS=corpora/rig $(VENV)/bin/facellm data data_engine/recipes/chat.yaml limit=4000
	CORPUS=corpora/photos $(VENV)/bin/facellm data data_engine/recipes/chat.yaml
	$(VENV)/bin/facellm train facellm/recipes/chat.yaml
	for seed in 0 1 2; do $(VENV)/bin/facellm rl rl/recipes/rig.yaml model_name_or_path=runs/chat/model seed=$$seed output_dir=runs/rl-$$seed evaluate=0 || exit; done
	$(PY) -m rl.mean runs/rl-0 runs/rl-1 runs/rl-2 runs/chat --out runs/rl-mean
	$(PY) -m eval.temper runs/rl-mean corpora/photos corpora/photos_found --out runs/weights
