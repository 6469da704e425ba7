"""Reference numbers of recurrent layers, attention and transformers: `python3 sequences.py` writes sequences.hpp beside
it. Needs PyTorch. Of each case: its state_dict as it lies there, inputs, outputs, and the gradients of the product of
outputs and cotangents by inputs and parameters."""
import torch
from torch import nn

from header import write

torch.manual_seed(20261128)
torch.set_default_dtype(torch.float64)
draw = lambda *shape: torch.randn(*shape)
numbers = {}


def add(name, module, function, *inputs):
    """The numbers of function(inputs), be it one output or several; parameters are drawn anew."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * draw(*parameter.shape))
    inputs = [x.requires_grad_() for x in inputs]
    outputs = function(*inputs)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    cotangents = [draw(*y.shape) for y in outputs]
    named = dict(module.named_parameters())
    wanted = [*inputs, *named.values()]
    gradients = torch.autograd.grad(sum((y * c).sum() for y, c in zip(outputs, cotangents)), wanted)
    for what, arrays in (("input", inputs), ("output", outputs), ("cotangent", cotangents),
                         ("gradient", gradients[:len(inputs)])):
        for k, array in enumerate(arrays):
            numbers[f"{name}/{what}{k}"] = array
    for key, value, gradient in zip(named, named.values(), gradients[len(inputs):]):
        numbers[f"{name}/weights/{key}"] = value
        numbers[f"{name}/gradients/{key}"] = gradient


def recurrent(layer, lengths=None):
    """Of (samples, time, inputs) and first states, if there are any: outputs and last states."""

    def run(x, *state):
        state = state[0] if len(state) == 1 else state or None
        if lengths is None:
            y, last = layer(x, state)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, last = layer(packed, state)
            y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        return [y] if state is None else [y, *(last if isinstance(last, tuple) else [last])]

    return run


def recurrent_case(name, layer, shape, states, lengths=None):
    layers = layer.num_layers * (2 if layer.bidirectional else 1)
    state = [draw(layers, shape[0], layer.hidden_size) for _ in range(states)]
    add(name, layer, recurrent(layer, lengths), draw(*shape), *state)


recurrent_case("rnn", nn.RNN(3, 4, batch_first=True), (2, 5, 3), 1)
recurrent_case("rnn_relu", nn.RNN(3, 2, 2, nonlinearity="relu", batch_first=True), (2, 3, 3), 0)
recurrent_case("lstm", nn.LSTM(3, 4, batch_first=True), (2, 5, 3), 0)
recurrent_case("lstm_lengths", nn.LSTM(3, 2, 2, bidirectional=True, batch_first=True), (3, 5, 3), 2, [4, 5, 1])
recurrent_case("gru", nn.GRU(3, 4, batch_first=True), (2, 5, 3), 1)
recurrent_case("gru_lengths", nn.GRU(3, 2, 2, bidirectional=True, batch_first=True), (3, 5, 3), 1, [4, 5, 1])
for name, cell, states in (("rnn_cell", nn.RNNCell(3, 4), 1), ("lstm_cell", nn.LSTMCell(3, 4), 2),
                           ("gru_cell", nn.GRUCell(3, 4), 1)):
    call = lambda x, *state: cell(x, state if states == 2 else state[0])
    add(name, cell, call, draw(2, 3), *(draw(2, 4) for _ in range(states)))

# Masks of PyTorch's say what is not to be seen.
MASK = ~torch.tensor([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
PADDED = ~torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
causal = lambda n: nn.Transformer.generate_square_subsequent_mask(n)
attention = lambda: nn.MultiheadAttention(4, 2, batch_first=True)
layer = attention()
add("attention", layer, lambda x: layer(x, x, x, need_weights=False)[0], draw(2, 3, 4))
layer_causal = attention()
add("attention_causal", layer_causal,
    lambda x: layer_causal(x, x, x, attn_mask=causal(3), need_weights=False)[0], draw(2, 3, 4))
layer_cross = attention()
add("attention_cross", layer_cross, lambda q, k, v: layer_cross(q, k, v, attn_mask=MASK)[0], draw(2, 3, 4),
    draw(2, 4, 4), draw(2, 4, 4))
layer_padded = attention()
add("attention_padded", layer_padded, lambda x: layer_padded(x, x, x, key_padding_mask=PADDED)[0], draw(2, 4, 4))
for name, norm_first in (("encoder", False), ("encoder_pre", True)):
    block = nn.TransformerEncoderLayer(4, 2, 6, dropout=0, activation="gelu" if norm_first else "relu",
                                       batch_first=True, norm_first=norm_first)
    add(name, block, lambda x: block(x, src_mask=None if norm_first else causal(3)), draw(2, 3, 4))
for name, norm_first in (("decoder", False), ("decoder_pre", True)):
    block = nn.TransformerDecoderLayer(4, 2, 6, dropout=0, batch_first=True, norm_first=norm_first)
    add(name, block, lambda x, memory: block(x, memory, tgt_mask=causal(3)), draw(2, 3, 4), draw(2, 4, 4))

write(__file__, numbers, "PyTorch " + torch.__version__.split("+")[0])
