"""Muon: momentum matrices are orthogonalized before they are added to the weights.

K. Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks,
https://kellerjordan.github.io/posts/muon. `torch.optim.Muon` takes only two-dimensional parameters,
one at a time and in bfloat16. Here a convolution's weight (a, b, y, x) is the matrix (a, b y x),
and the iteration runs on the Gram matrices, which are small, in batches of equal size.
"""

import collections

import torch

#: Coefficients of the iteration X <- a X + b (X X^T) X + c (X X^T)^2 X, as in the source.
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5


def orthogonal(matrices: list[torch.Tensor]) -> list[torch.Tensor]:
    """For each matrix U S V^T about U V^T: singular values become 0.7 to 1.2 (Newton-Schulz).

    Every iterate is a polynomial in the Gram matrix G = X X^T times X. So G and that polynomial Q
    are iterated, with P = a + b G + c G^2: Q <- P Q and G <- P G P.
    """
    wide = [m if m.shape[0] <= m.shape[1] else m.T for m in matrices]
    of_size = collections.defaultdict(list)
    for place, m in enumerate(wide):
        of_size[len(m)].append(place)
    result = list(matrices)
    for places in of_size.values():
        gram = torch.stack([wide[place] @ wide[place].T for place in places])
        square = gram.diagonal(dim1=1, dim2=2).sum(1).clamp(min=1e-14)[:, None, None]
        gram /= square
        product = square.rsqrt()
        for remaining in reversed(range(ITERATIONS)):
            factor = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
            factor.diagonal(dim1=1, dim2=2).add_(A)
            first = remaining == ITERATIONS - 1
            product = factor * product if first else factor @ product
            if remaining:
                gram = factor @ gram @ factor
        for place, q in zip(places, product, strict=True):
            narrow = wide[place] is not matrices[place]
            result[place] = (q @ wide[place]).T if narrow else q @ wide[place]
    return result


class Muon(torch.optim.Optimizer):
    """Orthogonalized Nesterov momentum; see the top of this module.

    Args:
        parameters: weights of convolutions (a, b, y, x), in any memory format.
        lr: size of a step: each singular value of its matrix is about lr.
        momentum: fraction of the running mean of the gradients that is kept.
        decay: weight decay: each step removes the fraction lr * decay. The networks' norms cancel
            the scale of a weight, so this only keeps steps from becoming relatively smaller.
    """

    def __init__(self, parameters, lr: float, momentum: float = 0.9, decay: float = 0.1):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            weights, momentum = group["params"], group["momentum"]
            gradients = [w.grad for w in weights]
            for w in weights:
                if not self.state[w]:
                    self.state[w]["momentum"] = torch.zeros_like(w)
            means = [self.state[w]["momentum"] for w in weights]
            torch._foreach_lerp_(means, gradients, 1 - momentum)
            # Channels last, so that the matrix is a view. The order of its columns does not matter.
            ahead = [m.movedim(1, 3) for m in torch._foreach_lerp(gradients, means, momentum)]
            steps = orthogonal([m.flatten(1) for m in ahead])
            steps = [s.view(m.shape).movedim(3, 1) for s, m in zip(steps, ahead, strict=True)]
            torch._foreach_mul_(weights, 1 - group["lr"] * group["decay"])
            torch._foreach_add_(weights, steps, alpha=-group["lr"])
