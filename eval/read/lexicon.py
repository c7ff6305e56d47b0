"""The words of assertions about a face: what a clause may say beside its answer.

A closed list on purpose. A word that is not here may turn a clause into a report, a comparison, a
condition or a talk of something else, so that what the clause names is no answer. Negations and
words for what is possible are not here: `polarity` gives them their scope.
"""

import re

from facellm.core.clauses import CLAUSES
from facellm.core.facs import ACTION_UNITS
from facellm.core.prose import SEEN


def word_set(*texts: str) -> frozenset[str]:
    """The words of texts, as a set."""
    return frozenset(word for text in texts for word in text.split())


_FUNCTION = """
a an the this that these those of in on at to from for by with and or as is are was were be being s
re m ll d it its he she they i we his her their my me him them there here which who both all only
just also so thus therefore hence overall finally indeed still very quite rather somewhat slightly
mildly moderately strongly extremely highly deeply most mostly best clearly definitely certainly
plainly obviously evidently apparently presumably probably likely really truly surely simply fairly
pretty more actually instead together either neither nor not no could can may might maybe perhaps
possibly absolutely visibly has does do but however because since while where what like one
appropriate accurate plausible fitting suitable main primary dominant predominant current specific
basic single following given based provided above clear strong slight obvious genuine textbook
confident certain sure else first top overall sense deep deeply intense intensely list listed
follows combination indicative suggestive unilateral unilaterally bilateral bilaterally likeliest
highest strongest chosen selected distinct noticeable young older elderly sadly unfortunately
difficult hard determine tell exact exactly step too pattern yes must although though whereas plus
side sides
"""
_ASSERTING = """
make makes making show shows showing shown look looks looking appear appears appearing seem seems
seeming display displays displaying displayed express expresses expressing expressed exhibit
exhibits exhibiting exhibited convey conveys conveying conveyed suggest suggests suggesting
suggested indicate indicates indicating indicated read reads reveal reveals revealing revealed feel
feels feeling depict depicts depicting depicted reflect reflects reflecting portray portrays
demonstrate demonstrates demonstrating communicate communicates radiate radiates signal signals
signaling point points match matches matching correspond corresponds fit fits consistent classify
classified classification categorize categorized labeled labelled identify identified detect
detected recognized observe observed see seen visible present interpret interpreted describe
described characterized call go choose experience experiencing associated towards toward leaning
lean closest answer
"""
_SUBJECTS = """
face faces facial person man men woman women boy girl child toddler baby individual subject
human lady guy adult male female image picture photo photograph portrait expression expressions
emotion emotions emotional feeling mood state label class category classification prediction
predicted result output response conclusion verdict guess interpretation assessment analysis
impression detection score confidence level indication evidence cue cues features feature indicators
assistant final correct right action unit units ans option choice letter high medium low
"""
_FACE = """
brow brows eyebrow eyebrows eye eyes eyelid eyelids lid lids mouth lip lips corner corners cheek
cheeks nose nostrils jaw chin forehead teeth gaze glare stare frown frowning smile smiles grin smirk
sneer scowl wrinkle wrinkles wrinkling crease creases fold folds muscle muscles head inner outer
upper lower left middle tightening stretching pressing narrowing widening raised raising raise
lowered lowering pulled pulling pull drawn turned pressed tightened tense tight relaxed open opened
closed wide widened narrowed furrowed clenched wrinkled stretched parted lifted hair ear ears
earring earrings skin beard glasses background lighting shadows edges lifted dropped drooping
downturned upturned squinting knitted pursed slack soft firm firmly sided up down upward upwards
downward apart broad broadly big small crow feet tears crying
"""
_OTHER_TONGUES = """
la le les et sont bonne correcte l un une de du des est c ce cette il elle on en a air semble paraît
exprime montre visage personne voit homme femme émotion expression sur image très plutôt clairement
ai réponse der die das den dem ein eine einen er sie ist sind wirkt zeigt scheint sieht aus gesicht
gesichtsausdruck mann frau auf bild sehr eher klar person emotion ausdruck ich und zu sein sondern
ja richtige antwort kind junge mädchen enfant fille garçon niño niña chico chica el los las una es
está se parece muestra expresa expresión cara hombre mujer emoción muy persona imagen y con
claramente siente respuesta sino sí oui mais aber pero wahrscheinlich vermutlich offensichtlich
eindeutig deutlich leicht erkennbar gezeigt gezeigte gezeigten abgebildete abgebildeten dargestellte
dargestellten foto hat haben denke glaube dass hier handelt sich um drückt lässt erkennen weit nach
oben unten zusammen être avoir principale dominante exprimée probablement légèrement largement dans
photo ici sujet je pense crois que qu traduit reflète ressent ses sa vers haut bas estar ser tiene
principal dominante predominante probablemente ligeramente refleja transmite sujeto rostro
fotografía foto observa creo que sus su hacia arriba abajo
"""
_FACE_ABROAD = """
mundwinkel mund augen auge augenbrauen brauen lippen lider augenlider stirn nase wangen zähne kiefer
kinn blick lächeln lächelt gerunzelt hochgezogen angehoben gesenkt zusammengezogen geöffnet
entspannt bouche yeux sourcils lèvres paupières coins front nez joues dents menton mâchoire regard
sourire sourit souriant relevés abaissés froncés ouverts ouverte fermée plissés écarquillés détendu
détendue boca ojos cejas labios párpados comisuras frente nariz mejillas dientes mandíbula mentón
mirada sonrisa sonríe sonriendo levantadas elevadas fruncidas abiertos abierta cerrada relajado
relajada
"""
_UNIT_NAMES = " ".join(au.name.lower() for au in ACTION_UNITS.values())
_OUR_PROSE = " ".join(
    (*SEEN, *(text for wording in CLAUSES.values() for texts in wording for text in texts))
)
FACE = frozenset(
    (*_FACE.split(), *_FACE_ABROAD.split(), *re.findall("[a-z]+", _UNIT_NAMES), "au", "aus")
)
KNOWN = FACE.union(
    word_set(_FUNCTION, _ASSERTING, _SUBJECTS, _OTHER_TONGUES),
    re.findall("[a-z]+", _OUR_PROSE.lower().replace("stands out", "")),
)
"""Words that a clause may hold without being turned into something else."""

OPENERS = re.compile(
    r"\W*(?:(?:so|and|also|clearly|apparently|probably|as)\s+)?(?:with|because|since|as|given|"
    r"based on|due to|through|via|judging by|judging from|considering|looking at|"
    r"from|after|upon|by|which|suggesting|indicating|showing|shown|despite|evidenced|indicated|seen|where|at|while|"
    r"accompanied|followed)\b",
    re.I,
)
"""Words that begin a clause of reasons, which may hold any words."""
DESCRIBES = re.compile(
    rf"\W*(?:(?:and|the|his|her|their|its|both|a|an|my|und|die|der|das|seine?|ihre?|et|les?|la|ses|"
    rf"sa|son|y|el|los|las|sus?|{'|'.join(sorted(FACE))})\s+){{0,4}}"
    rf"(?:{'|'.join(sorted(FACE))}|AU ?[0-9]+)\b"
    r"|\W*(?:嘴|眉|眼|鼻|额|脸颊|目光|牙|唇|口角|口元|頬|目)",
    re.I,
)
"""Begins a clause about a part of the face, which may hold any words."""

CONDITIONS = re.compile(
    r"\b(?:if|unless|would|wenn|würde|wäre|könnte|si(?!,)|serait|sería)\b"
    r"|(?<=\w)(?<!port)(?<!\bt)rait\b|如果|要是|假如|もし",
    re.I,
)
TURNS = re.compile(
    rf"{CONDITIONS.pattern}|\b(?:than|except|pretend\w*|supposed(?:ly)?|ostensibly|imagine|suppose|"
    r"assum\w+|hypothetical\w*|according to|claim\w*|said|says|told|asked|expect\w*|used to|"
    r"no longer|formerly|previous\w*|ironic\w*|sarcastic\w*|until|otherwise|someone|others|"
    r"whoever|(?:más|plus|moins|menos|mehr|weniger) \w+ (?:que|qu|als)|"
    r"caption\w*|annotat\w+|so-called|wish\w*|should|almost|mistak\w+|"
    r"had|have been|has (?:left|gone|turned|dropped|become|changed)|sonst|aunque|obwohl)\b|虽然",
    re.I,
)
"""Words that make a sentence a condition, a comparison, a report or a memory."""

ASSERTED = re.compile(
    r"\b(?:I|we|people(?= would usually)|raters(?= would))"
    r"(?:'d| would|'ll| will|'m| am| can| do)?\s+"
    r"(?:\w+ly\s+)?(?:also\s+|have to\s+)?"
    r"(?:say|think|believe|guess|conclude|choose|pick|select|answer|go(?: with| for)?|estimate|"
    r"classify|label|call|describe|categori[sz]e|rate|put|see|observe|detect|notice|lean(?:ing)?|"
    r"interpret|identify|read|find|give|judge)(?: that)?\b"
    r"|\b(?:answer|choice|option|label|classification|guess|estimate|match|one|"
    r"emotion|expression|response|that) would (?:best |most \w+ly )?be\b"
    r"|\b(?:initially|at first),? I (?:would have |had |'d have )?(?:said|thought|guessed)\b"
    r"|\b(?:raised|lifted|tightened|pulled|turned|drawn|curled|higher|lower)(?: \w+)? more "
    r"than the other\b"
    r"|\b(?:rather|other) than\b|\bin my (?:opinion|view)\b|\bstands out\b|\bboth people\b"
    r"|\binclined to say\b|\btells? me\b"
    r"|\b(?:hard|difficult) to say\b"
    r"|\b(?:signs?|trace) of\b|\bnothing but\b|\bich würde sagen\b|\bcan (?:be|best|clearly)\b",
    re.I,
)
"""How a speaker asserts; the words in it would turn a sentence elsewhere."""

_PIECES = """
这 那 张 个 位 的 是 人 脸 脸上 脸颊 图 图中 图片 照片 画面 里 中 上 上升 看起来 看上去 看来 像
似乎 显得 很 非常 有点 十分 表情 情绪 面部 他 她 它 我 认为 觉得 显示 表现 表现出 表达 出 了 为
应该 男人 女人 男子 女子 孩子 答案 选 选项 正确 主要 一种 一个 大约 约 大概 岁 左右 年龄 您 呈现
流露 感到 激活 动作单元 面部动作单元 检测到 出现 可见 明显 和 与 及 以及 任何 程度 以下 包括 有以下
而是 而 不 不是 没 没有 也 有 又 但 但是 强度 可能 也许 この その 人 顔 表情 感情
写真 人物 画像 は が を に の です ます でした 見え 見られます ように そうに そう しい くらい
ぐらい 前後 いる います ている ています てい て い る よう だ と も で 思い 男性 女性 彼 彼女 答え
活性化し 活性化 動作単位 アクションユニット 検出され 確認でき 見られ はっきり 確認 検出
正解 年齢 歳 く み では なく じゃ かもしれません
"""
PIECES = re.compile("|".join(sorted(word_set(_PIECES), key=lambda piece: (-len(piece), piece))))
"""Pieces of Chinese and Japanese sentences that assert."""
ARABIC = word_set(
    """
يبدو تبدو الشخص شخص الرجل رجل المرأة الوجه وجه هو هي هذا هذه على في تعبير التعبير المشاعر
العاطفة الصورة ا ة ال أن جدا بوضوح يظهر تظهر يعبر عن الإجابة حوالي عمره عمرها سنة عاما
    """
)
