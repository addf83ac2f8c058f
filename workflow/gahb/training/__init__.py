"""Training a universal denoiser (section 2 of the paper).

Minimizes E ||f(x + sigma z) - x||^2 over z ~ N(0, I) and all noise levels sigma, which the network
is told only if it asks for them. `objective` defines how levels are drawn and errors weighted; the
paper's choice is sigma = u^2, u ~ U(0, 1), without weights. The loss is summed over pixels and
averaged over the batch.

Every random number is a function of only the seed and the step, so that training resumes from the
weights, the optimizer and the step as if it had never stopped.
"""
