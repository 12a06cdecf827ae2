#!/usr/bin/env python3
"""SPoSE in PyTorch by gathering rows: the yardstick of docs/performance.md.

Trains on all but the last 100,000 choices of an .npy file (N x 3, odd one last, ids from 0) and
prints a line per epoch: seconds of training so far, and the loss and accuracy on the rest.
Needs numpy and torch.

    peer_torch.py CHOICES.npy [--epochs 8] [--batch 16384] [--rate 0.05] [--cosine] [--dims 90]
"""
import argparse
import time

import numpy as np
import torch

HELD = 100_000


def similarities(weights, trials):
    """N x 3 dot products of the pairs (0,1), (0,2), (1,2)."""
    first, second, odd = weights[trials].unbind(1)
    return torch.stack([(first * second).sum(1), (first * odd).sum(1), (second * odd).sum(1)], 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("choices")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=16_384)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--cosine", action="store_true", help="the step size falls to zero")
    parser.add_argument("--dims", type=int, default=90)
    parser.add_argument("--stimuli", type=int, default=2180)
    parser.add_argument("--penalty", type=float, default=0.008)
    args = parser.parse_args()

    torch.manual_seed(0)
    trials = torch.from_numpy(np.load(args.choices).astype(np.int64))
    train, held = trials[:-HELD], trials[-HELD:]
    weights = torch.nn.Parameter(torch.empty(args.stimuli, args.dims).normal_(0.1, 0.01))
    adam = torch.optim.Adam([weights], lr=args.rate, fused=True)
    steps = args.epochs * -(-len(train) // args.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda step: 0.5 + 0.5 * np.cos(np.pi * step / steps) if args.cosine else 1.0
    )
    seconds = 0.0
    print("epoch\tseconds\tchoices_per_s\tnll\taccuracy")
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        order = torch.randperm(len(train))
        for at in range(0, len(train), args.batch):
            s = similarities(weights, train[order[at : at + args.batch]])
            loss = (torch.logsumexp(s, 1) - s[:, 0]).mean()
            loss = loss + args.penalty / args.stimuli * weights.abs().sum()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            schedule.step()
            with torch.no_grad():
                weights.clamp_(min=0)
        seconds += time.perf_counter() - start
        with torch.no_grad():
            s = similarities(weights, held)
            nll = (torch.logsumexp(s, 1) - s[:, 0]).mean().item()
            accuracy = (s.argmax(1) == 0).float().mean().item()
        print(
            f"{epoch}\t{seconds:.2f}\t{epoch * len(train) / seconds:.3g}\t{nll:.4f}\t{accuracy:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
