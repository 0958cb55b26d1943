"""From stage to stage: P(win) of a deal that enters a stage, and what one stage's conversion is worth (method §4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagster_project.estimate.arrays import FloatArray, divide


@dataclass(frozen=True)
class StageChain:
    """An absorbing chain over stages; leading axes (scopes, windows) are free, stages last.

    `conversion`, `competing`: P(leaving forward), P(leaving otherwise), ... × stages. `forward_wins`: share of forward exits
    that are wins. `forward`, `backward`: shares of forward and of other exits that enter each stage, ... × stages × stages.
    `starts`: share of deals that begin in each stage.
    """

    conversion: FloatArray
    competing: FloatArray
    forward_wins: FloatArray
    forward: FloatArray
    backward: FloatArray
    starts: FloatArray

    def visits_matrix(self) -> FloatArray:
        """Expected visits to each stage (last axis) of a deal entering a stage."""
        moves = self.conversion[..., None] * self.forward + self.competing[..., None] * self.backward
        return np.asarray(np.linalg.inv(np.eye(moves.shape[-1]) - moves), dtype=np.float64)

    def win_from(self) -> FloatArray:
        """P(win | the deal enters the stage)."""
        wins = self.conversion * self.forward_wins
        return (self.visits_matrix() @ wins[..., None])[..., 0]

    def win_after_advancing(self) -> FloatArray:
        """P(win | the deal leaves the stage forward)."""
        return self.forward_wins + (self.forward @ self.win_from()[..., None])[..., 0]

    def win(self) -> FloatArray:
        """P(win) of a deal from its beginning."""
        return np.asarray((self.starts * self.win_from()).sum(axis=-1), dtype=np.float64)


@dataclass(frozen=True)
class RowChange:
    """How P(win) answers to one stage's conversion, the rest held: exact for any change (a rank-one update)."""

    slope: FloatArray
    feedback: FloatArray

    def gain(self, change: FloatArray) -> FloatArray:
        """Change of P(win) when the conversion changes by `change`."""
        return divide(self.slope * change, 1 - self.feedback * change)


def conversion_response(chain: StageChain) -> RowChange:
    """Answer of P(win) to each stage's conversion; what is won from other exits comes off them (Sherman–Morrison)."""
    visits = chain.visits_matrix()
    started = (chain.starts[..., None, :] @ visits)[..., 0, :]
    instead = chain.forward - chain.backward
    worth = chain.forward_wins + (instead @ chain.win_from()[..., None])[..., 0]
    returning = np.einsum("...kj,...jk->...k", instead, visits)
    return RowChange(started * worth, returning)
