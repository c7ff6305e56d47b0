"""What is seen under the question: layers of the tower fused as the question asks, after FaVChat.

    question words e (T,L) ──► q = W Σ_t softmax(w·n(e_t)) n(e_t)                      (d)
    layer l, patch p       ──► y_lp = A_l n(x_lp) ⊙ (1 + tanh U_l q),  s_lp = q·K_l n(x_lp) / √d
    patches                ──► x_p + γ f_p,   f_p = Σ_l softmax_l(s_lp) y_lp
    region tokens          ──► t_r + γ' W' Σ_p α_rp f_p,   α the read-out attention

Low layers hold texture, high ones meaning; which of them, where and which channels is the
question's choice (FaVChat, 2025: prompt-guided extraction at three levels). Only what the language
model is shown changes: regions are read out, and readings read, as without a question. A picture is
seen under the text of the turn it stands in, so that a later question never changes what an earlier
answer saw, and training sees what generation will see.
"""

import torch
from torch import Tensor, nn

from facellm.model.configuration import FaceVisionConfig

# Shapes: B prompts, T tokens, L width of the language model, I pictures, V views, N patches,
# F face slots, R = 15 regions, D tower channels, D_l those of layer l, d = WIDTH.

WIDTH = 64
"""d, of the question and of what it is compared with."""


class PromptFusion(nn.Module):
    """Adds to patches and region tokens what the question asks of low, middle and high layers."""

    def __init__(self, config: FaceVisionConfig, width: int) -> None:
        super().__init__()
        sizes = [*(config.inner_sizes or ()), config.hidden_size]
        self.word_norm = nn.LayerNorm(width)
        self.listen = nn.Parameter(torch.zeros(width))  # w: all words alike at first
        self.question = nn.Linear(width, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in sizes)
        self.adapters = nn.ModuleList(nn.Linear(size, config.hidden_size) for size in sizes)
        self.keys = nn.ModuleList(nn.Linear(size, WIDTH) for size in sizes)
        self.channels = nn.ModuleList(nn.Linear(WIDTH, config.hidden_size) for _ in sizes)
        self.gate = nn.Parameter(torch.full((1,), float(config.gate)))
        self.region_gate = nn.Parameter(torch.full((1,), float(config.gate)))
        self.to_regions = (
            nn.Linear(config.hidden_size, config.region_size, bias=False)
            if config.read_out
            else None
        )

    def asked(self, words_TL: Tensor) -> Tensor:
        """The question (L,) in its words' embeddings; zeros where there are none."""
        if not len(words_TL):
            return words_TL.new_zeros(words_TL.shape[1])
        words = self.word_norm(words_TL)
        return (words @ self.listen).softmax(0) @ words

    def forward(self, levels: list[Tensor], question_VL: Tensor) -> Tensor:
        """What the question asks of the layers of V views, (V, N, D).

        Args:
            levels: (V, N, D_l) a layer, low ones first.
            question_VL: as `asked` gives it, of the picture that each view is of.
        """
        q_Vd1 = self.question(question_VL).unsqueeze(-1)
        scores, values = [], []
        for level, tokens in enumerate(levels):
            normed = self.norms[level](tokens)
            scores.append(self.keys[level](normed) @ q_Vd1 * WIDTH**-0.5)  # (V, N, 1)
            wanted = 1 + self.channels[level](q_Vd1.squeeze(-1)).tanh().unsqueeze(1)
            values.append(self.adapters[level](normed) * wanted)
        share_VN1l = torch.stack(scores, -1).softmax(-1)
        return (torch.stack(values, -1) * share_VN1l).sum(-1)

    def on_patches(self, patches_VND: Tensor, fused_VND: Tensor) -> Tensor:
        """Patches as the language model will be shown them."""
        return patches_VND + self.gate * fused_VND

    def on_regions(self, regions_VFRE: Tensor, attention_VFRN: Tensor, fused_VND: Tensor) -> Tensor:
        """Region tokens as the language model will be shown them."""
        assert self.to_regions is not None
        seen = self.to_regions(torch.einsum("vfrn,vnd->vfrd", attention_VFRN, fused_VND))
        return regions_VFRE + self.region_gate * seen


def words_of_pictures(
    ids_BT: Tensor, attended_BT: Tensor, image: int, ends: list[int], counts: list[int]
) -> list[tuple[int, Tensor]]:
    """Of each picture, the prompt it stands in and the positions of its turn's text.

    Args:
        ids_BT: prompts with every picture's tokens in place.
        attended_BT: False where padded.
        image: the token that stands for pictures.
        ends: tokens that close a turn.
        counts: tokens of each picture, over all prompts in order.
    """
    ended = torch.isin(ids_BT, torch.tensor(ends, device=ids_BT.device))
    turn_BT = ended.cumsum(1) - ended.long()
    text_BT = attended_BT & (ids_BT != image) & ~ended
    places = torch.nonzero(ids_BT == image)
    found, start = [], 0
    for count in counts:
        row, column = (int(value) for value in places[start])
        same = text_BT[row] & (turn_BT[row] == turn_BT[row, column])
        found.append((row, torch.nonzero(same).flatten()))
        start += count
    return found
