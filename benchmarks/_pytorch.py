"""The loops that PyTorch users write, for the pair of `kd_step`."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks._measure import Taken, now, since

TEMPERATURE, ALPHA = 4.0, 0.9


def network(size: int, widths: tuple[int, ...], classes: int) -> nn.Sequential:
    """A multilayer perceptron with rectified hidden layers."""
    sizes = (size, *widths)
    hidden = [
        layer
        for before, after in zip(sizes, widths, strict=False)
        for layer in (nn.Linear(before, after), nn.ReLU())
    ]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], classes))


def hinton(student, teacher, label):
    """Soft and hard labels, weighted."""
    soft = functional.kl_div(
        functional.log_softmax(student / TEMPERATURE, dim=1),
        functional.softmax(teacher / TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    hard = functional.cross_entropy(student, label)
    return ALPHA * TEMPERATURE**2 * soft + (1 - ALPHA) * hard


def listing(inputs, label, teacher, student, *, batch_size: int):
    """An epoch over a shuffling DataLoader, the teacher under `no_grad`."""
    examples = torch.utils.data.TensorDataset(
        torch.from_numpy(inputs), torch.from_numpy(label)
    )
    loader = torch.utils.data.DataLoader(examples, batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)

    def epoch() -> Taken:
        start = now()
        student.train()
        for x, y in loader:
            with torch.no_grad():
                soft = teacher(x)
            _update(optimizer, hinton(student(x), soft, y))
        return since(start)

    return epoch


def resident(inputs, label, teacher, student, *, batch_size: int):
    """An epoch over tensors in memory, the teacher under `inference_mode`."""
    x_all, y_all = torch.from_numpy(inputs), torch.from_numpy(label)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)

    def epoch() -> Taken:
        start = now()
        student.train()
        for rows in torch.randperm(len(x_all)).split(batch_size):
            x, y = x_all[rows], y_all[rows]
            with torch.inference_mode():
                soft = teacher(x)
            _update(optimizer, hinton(student(x), soft, y))
        return since(start)

    return epoch


def cached(inputs, label, teacher, student, *, batch_size: int):
    """The same with the teacher's logits computed before the first epoch."""
    x_all, y_all = torch.from_numpy(inputs), torch.from_numpy(label)
    with torch.no_grad():
        soft_all = torch.cat([teacher(x) for x in x_all.split(1024)])
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)

    def epoch() -> Taken:
        start = now()
        student.train()
        for rows in torch.randperm(len(x_all)).split(batch_size):
            loss = hinton(student(x_all[rows]), soft_all[rows], y_all[rows])
            _update(optimizer, loss)
        return since(start)

    return epoch


def _update(optimizer, loss) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
