"""Each kind of problem is found and named, and nothing else is."""

import pytest

from data_engine.verify.check import turn_kinds, verify
from data_engine.verify.claims import Policy
from facellm.core.clauses import CLAUSES
from facellm.core.facs import ACTION_UNITS
from facellm.core.sample import FaceLabels
from facellm.tasks.units import RIG_UNITS

SMILE = FaceLabels(
    emotion="happiness",
    action_units={**dict.fromkeys(RIG_UNITS, 0.0), 6: 2.0, 12: 4.0, 25: 3.0},
    pose=(0.0, 0.4, 0.0),
)
EVERY = {n: 0.0 for n in ACTION_UNITS}


def kinds(text, labels=SMILE, kind="", policy=None, question=""):
    faces = labels if isinstance(labels, list) else [labels]
    verdict = verify(text, faces, kind, policy or Policy(), question)
    return [problem.kind for problem in verdict.problems]


@pytest.mark.parametrize(
    "text",
    [
        "The lip corners are pulled up (AU12, pronounced). The face looks happy.",
        "The cheeks are raised (AU6, slight) and the lips are parted (AU25).",
        "AU12 and AU25 act, AU4 is absent.",
        "The person is smiling, and nothing wrinkles the nose.",
        "No, there is no sign of AU14.",
        "The head is turned to the subject's right.",
        "Rather than anger, the face shows happiness.",
        "If the brows were lowered, the face would look angry. The face looks happy.",
        "AU12 often occurs in contempt as well. Here the cheeks are raised too.",
        "Does the nose wrinkle? It does not; the lip corners are up.",
        '<answer>{"AU6": 2, "AU12": 4, "AU25": 3}</answer>',
        "<think>\nmouth: corners pulled up (AU12, pronounced)\nabsent: AU4\n"
        'AU12 indicates happiness.\n</think>\n<answer>{"emotion": "happiness"}</answer>',
    ],
)
def test_a_text_that_agrees_passes(text):
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("The nose is wrinkled (AU9, marked).", "wrong_unit:AU9"),
        ("The nose is wrinkled and the person smiles.", "wrong_unit:AU9"),
        ("The lip corners are pulled up (AU12, trace).", "wrong_intensity:AU12"),
        ("There is an extremely strong raising of the cheeks.", "wrong_intensity:AU6"),
        ("The left lip corner is raised (AU12, pronounced).", "wrong_side:AU12"),
        ("The lip corners are pulled up (AU12, pronounced, left).", "wrong_side:AU12"),
        ("The head is turned to the subject's left.", "wrong_side:head"),
        ("The head faces the camera.", "wrong_pose:head"),
        ("The brows are raised (AU12, pronounced).", "wrong_region:AU12"),
        ("AU12 is absent.", "negation:AU12"),
        ("There is no smile, though the cheeks are raised.", "negation:AU12"),
        ("The lip corners are not raised.", "negation:AU12"),
        ("The mouth is closed.", "negation:AU25"),
        ("No facial movement stands out.", "negation:AU12"),
        ("Nothing notable shows at the mouth.", "negation:AU12"),
        ("The smiling face looks angry.", "wrong_emotion:anger"),
        ("The smile does not show happiness.", "negation:happiness"),
        ("A boat crosses the bay at dawn.", "unrelated"),
        ("The jaw is moved sideways (AU30).", "unsupported:AU30"),
        ("The lip corners are raised (AU12, strongly).", "grammar"),
        ("Something odd is seen (AU99).", "grammar"),
        ("<answer>{broken</answer>", "grammar"),
        ('<answer>{"AU6": 2}</answer>', "missing:AU12"),
        ('{"emotion": "sadness"}', "wrong_emotion:sadness"),
        ("No face is visible in this picture.", "wrong_face"),
        ("There is no face 4 in this picture; 2 faces are visible.", "wrong_face"),
    ],
)
def test_a_text_that_does_not_is_rejected_with_the_reason(text, problem):
    assert problem in kinds(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("This is Tom Hanks smiling.", "forbidden:identity"),
        ("The smile shows a famous actor.", "forbidden:identity"),
        ("The smile shows that the person intends to leave.", "forbidden:intent"),
        ("The smiling person suffers from a stroke.", "forbidden:diagnosis"),
        ("A smiling person of Asian origin.", "forbidden:ethnicity"),
        ("A smiling person in her thirties.", "forbidden:age"),
        ("A woman smiles.", "forbidden:gender"),
        ("Her lip corners are up.", "forbidden:gender"),
        ("The smile looks trustworthy.", "forbidden:character"),
        ("I think the person smiles.", "hedge"),
        ("As an AI, I cannot see the image, but there may be a smile.", "hedge"),
        ("Perhaps this is a smile.", "hedge"),
        ("According to the labels, the lip corners are raised.", "leak"),
    ],
)
def test_forbidden_claims_hedges_and_leaks(text, problem):
    assert problem in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "The lip corners are pulled up; who this is, a picture cannot tell.",
        "The nose shows nothing notable and the smile is a trace wider than usual at another spot.",
        "The smile begins at the manual muscles of the mouth.",
        "The lip corners are raised, with none of the depressed corners of a sad face.",
    ],
)
def test_words_inside_words_and_denied_claims_are_no_claims(text):
    assert not [k for k in kinds(text) if k.startswith(("forbidden", "negation", "hedge"))]


def test_that_nothing_differs_does_not_put_faces_at_rest():
    acting = FaceLabels(action_units={16: 2.6})
    text = "The two faces move alike; nothing clearly differs. In both the lower lip is pulled down"
    assert verify(f"{text} (AU16, marked).", [acting, acting], "comparison").problems == ()
    assert kinds("Nothing moves.", acting) == ["negation:AU16"]


def test_what_is_labelled_or_asked_about_may_be_said():
    aged = SMILE.model_copy(update={"age": 34.0})
    assert kinds("A smiling person of about 36 years.", aged) == []
    assert kinds("A smiling person, aged 60.", aged) == ["wrong_age"]
    assert kinds("She smiles.", question="Is the woman happy?") == []
    glasses = SMILE.model_copy(update={"attributes": {"eyeglasses": True, "beard": False}})
    assert kinds("The person smiles and wears glasses.", glasses) == []
    assert kinds("The person smiles and has a beard.", glasses) == ["wrong_attribute:beard"]
    assert kinds("The person wears no glasses.", glasses) == ["wrong_attribute:eyeglasses"]


def test_unlabelled_is_never_taken_for_absent():
    nothing_known = FaceLabels(emotion="happiness")
    text = "The lip corners are pulled up (AU12, marked). The face looks happy."
    assert kinds(text, nothing_known) == ["unsupported:AU12"]
    assert kinds(text, nothing_known, policy=Policy(unlabelled="allow")) == []
    assert kinds("The face looks happy.", FaceLabels(action_units={12: 3.0})) == [
        "unsupported:emotion"
    ]


def test_tolerance_counts_steps():
    text = "The lip corners are pulled up (AU12, slight)."  # 2, the label is 4
    assert kinds(text) == ["wrong_intensity:AU12"]
    assert kinds(text, policy=Policy(tolerance=2)) == []
    exact = "The lip corners are pulled up (AU12, marked)."  # 3
    assert kinds(exact) == []
    assert kinds(exact, policy=Policy(tolerance=0)) == ["wrong_intensity:AU12"]


def test_one_sided_statements_may_be_allowed():
    text = "The left lip corner is raised (AU12, pronounced)."
    assert kinds(text, policy=Policy(one_sided="allow")) == []
    assert kinds("The left and the right lip corner are raised (AU12, pronounced).") == []


def test_a_text_that_contradicts_itself_is_rejected_even_where_labels_allow_both():
    trace = FaceLabels(action_units={**EVERY, 12: 1.0})
    text = "The lip corners are pulled up (AU12, trace). AU12 is absent."
    assert "contradiction:AU12" in kinds(text, trace)


def test_each_sentence_is_checked_against_the_face_it_names():
    frown = FaceLabels(emotion="anger", action_units={**EVERY, 4: 4.0})
    both = [SMILE, frown]
    assert kinds("Face 1 looks happy. Face 2 looks angry.", both) == []
    assert "wrong_emotion:anger" in kinds("Face 1 looks angry.", both)
    assert "wrong_unit:AU12" in kinds("The person on the right, face 2, smiles.", both)
    assert "wrong_emotion:happiness" in kinds(
        "It looks happy.", both, question="How does face 2 look?"
    )


def test_a_picture_without_faces_has_nothing_to_describe():
    assert kinds("The lip corners are pulled up (AU12).", []) == ["wrong_face"]
    assert kinds("No face is visible in this picture.", []) == []


def test_refusals_must_refuse_and_say_nothing_wrong():
    refuse = "A picture of a face cannot tell who somebody is. I can describe the expression."
    assert kinds(refuse, kind="refusal") == []
    assert "no_refusal" in kinds("The face looks happy.", kind="refusal")
    assert "forbidden:diagnosis" in kinds("The person is depressed.", kind="refusal")


def test_refusals_name_what_was_asked_or_leave_it_unnamed():
    lying = "I cannot say whether someone tells the truth; a face is no evidence for it."
    unnamed = "I can't tell that from a picture. I can describe the facial movements."

    def wrong(text, question):
        return kinds(text, kind="refusal", question=question)

    assert wrong(lying, "Is she lying?") == wrong(unnamed, "Is she lying?") == []
    assert wrong(lying, "who is this") == ["wrong_topic:honesty"]
    assert wrong(lying, "What should I cook tonight?") == ["wrong_topic:honesty"]
    # In other words than the engine's own, nobody knows what was asked or what is refused.
    assert wrong(lying, "Would you believe a word of this?") == []
    assert wrong("A face does not show who this gentleman is.", "Is she lying?") == []


def test_every_wording_of_a_unit_reads_as_that_unit():
    for number, wording in CLAUSES.items():
        labels = FaceLabels(action_units={**EVERY, number: 3.0})
        for words in (*wording.clauses, *wording.phrases):
            text = f"The face shows {words}."
            assert kinds(text, labels) == [], (number, words)


def test_every_wording_is_wrong_for_a_face_at_rest():
    labels = FaceLabels(action_units=EVERY)
    missed = [
        words
        for wording in CLAUSES.values()
        for words in (*wording.clauses, *wording.phrases)
        if not kinds(f"The face shows {words}.", labels)
    ]
    assert missed == []


def test_turns_have_their_own_kinds():
    truth = {"turns": [{"task": "caption", "truth": {}}, {"task": "refusal", "truth": {}}]}
    assert turn_kinds("multi_turn", truth) == ["caption", "refusal"]
    assert turn_kinds("caption", None) == ["caption"]


@pytest.mark.parametrize("text", ["", " ", "\n", "?", "(", "((AU", "<", "{}", "<think>", "#12/3/n"])
def test_nonsense_never_raises(text):
    assert kinds(text)
