"""The networks compared with the paper's parameter counts and an explicit forward pass."""

import pytest
import torch
from torch.nn import functional as F

from pdlearn.games import GAMES
from pdlearn.networks import (
    MULTI_SIZES,
    SIZES,
    MultiGameNetwork,
    QNetwork,
    parameter_count,
    size_by_name,
)
from pdlearn.torso import activation, blends


def network(num_actions=6, size="net3", shape=(4, 84, 84), seed=0) -> QNetwork:
    return QNetwork(num_actions, size, shape, torch.Generator().manual_seed(seed))


def frames(batch=4, seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (batch, 4, 84, 84), dtype=torch.uint8, generator=generator)


def reference(weights: dict, observation: torch.Tensor) -> torch.Tensor:
    """Nature DQN's forward pass on frames scaled to 0..1, in torch's ordinary layout."""
    x = observation.float().contiguous() / 255
    x = F.relu(F.conv2d(x, weights["conv1.weight"], weights["conv1.bias"], stride=4))
    x = F.relu(F.conv2d(x, weights["conv2.weight"], weights["conv2.bias"], stride=2))
    x = F.relu(F.conv2d(x, weights["conv3.weight"], weights["conv3.bias"], stride=1))
    x = F.relu(F.linear(x.flatten(1), weights["fc1.weight"], weights["fc1.bias"]))
    return F.linear(x, weights["out.weight"], weights["out.bias"])


# --- sizes ---


@pytest.mark.parametrize(
    ("size", "num_actions", "parameters"),
    [
        # 4*64*32+32 + 32*16*64+64 + 64*9*64+64 + 3136*512+512 + 512*18+18
        ("teacher", 18, 1_693_362),
        # 4*64*16+16 + 16*16*32+32 + 32*9*32+32 + 1568*256+256 + 256*18+18
        ("net1", 18, 427_874),
        # 4*64*16+16 + 16*16*16+16 + 16*9*16+16 + 784*128+128 + 128*18+18
        ("net2", 18, 113_346),
        # 4*64*16+16 + 16*16*16+16 + 16*9*16+16 + 784*64+64 + 64*18+18
        ("net3", 18, 61_954),
        # 4*64*8+8 + 8*16*8+8 + 8*9*8+8 + 392*32+32 + 32*18+18: 1.0 % of the teacher
        ("net4", 18, 16_842),
        # 4*64*4+4 + 4*16*4+4 + 4*9*4+4 + 196*16+16 + 16*18+18: 0.3 % of the teacher
        ("net5", 18, 4_894),
        # the teacher less 12 actions of 512 weights and a bias: 1693362 - 12*513
        ("teacher", 6, 1_687_206),
    ],
)
def test_parameter_counts_equal_the_papers_and_follow_from_the_widths(
    size, num_actions, parameters
):
    assert parameter_count(QNetwork(num_actions, size)) == parameters


def test_the_default_size_is_the_teachers():
    assert QNetwork(18).size == "teacher"


def test_weights_are_named_after_their_layers():
    layers = ["conv1", "conv2", "conv3", "fc1", "out"]
    names = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert list(network().state_dict()) == names


def test_there_are_the_papers_four_sizes_and_two_smaller_ones():
    assert list(SIZES) == ["teacher", "net1", "net2", "net3", "net4", "net5"]


# --- pixels ---


@pytest.mark.parametrize("num_actions", [3, 18])
def test_the_output_has_one_value_per_action(num_actions):
    assert network(num_actions)(frames(5)).shape == (5, num_actions)


def test_the_output_is_float32():
    assert network()(frames()).dtype == torch.float32


@pytest.mark.parametrize("size", SIZES)
def test_the_network_is_nature_dqn_on_frames_scaled_to_one(size):
    net = network(size=size)
    with torch.no_grad():
        expected = reference(net.state_dict(), frames())
        torch.testing.assert_close(net(frames()), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["conv1.weight", "conv2.weight", "fc1.weight", "out.bias"])
def test_gradients_are_those_of_nature_dqn_on_frames_scaled_to_one(name):
    net = network()
    weights = {key: value.clone().requires_grad_() for key, value in net.state_dict().items()}
    net(frames()).square().sum().backward()
    reference(weights, frames()).square().sum().backward()
    got = dict(net.named_parameters())[name].grad
    torch.testing.assert_close(got, weights[name].grad, atol=1e-5, rtol=1e-4)


def test_the_network_does_not_modify_its_observations():
    observation = frames()
    network()(observation)
    assert torch.equal(observation, frames())


def test_observations_in_another_memory_layout_give_the_same_values():
    net = network()
    rearranged = frames().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    torch.testing.assert_close(net(rearranged), net(frames()), atol=1e-6, rtol=0)


def test_values_do_not_depend_on_other_observations_of_the_batch():
    net = network()
    torch.testing.assert_close(net(frames())[2:3], net(frames()[2:3]), atol=1e-6, rtol=0)


def test_different_observations_give_different_values():
    values = network()(frames(8))
    assert (values.std(0) > 1e-5).all()


def test_frames_in_another_order_give_different_values():
    net = network()
    assert (net(frames()) - net(frames().flip(1))).abs().max() > 1e-4


def test_the_features_are_the_last_hidden_layers_activations():
    net = network()
    expected = F.linear(net.features(frames()), net.out.weight, net.out.bias)
    torch.testing.assert_close(net(frames()), expected)


def test_a_network_with_anothers_weights_has_its_values():
    net, other = network(seed=0), network(seed=1)
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other(frames()), net(frames()))


# --- bfloat16 ---


def under_autocast(net: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        return net(frames(16))


def test_under_autocast_the_output_is_float32():
    assert under_autocast(network()).dtype == torch.float32


def test_under_autocast_the_values_are_near_those_of_float32():
    # bfloat16 has 8 bits: each layer is off by some 2^-9 of the largest values.
    net = network(size="teacher")
    with torch.no_grad():
        values = net(frames(16))
        atol = 0.02 * values.abs().max().item()
        torch.testing.assert_close(under_autocast(net), values, atol=atol, rtol=0)


def test_under_autocast_the_hidden_layers_are_in_bfloat16():
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert network().features(frames()).dtype == torch.bfloat16


def test_under_autocast_the_last_layer_is_computed_in_float32():
    # Computed in bfloat16 and cast afterwards, every value would survive the round trip.
    values = under_autocast(network())
    assert (values != values.bfloat16().float()).any()


# --- beginnings ---


def test_the_same_generator_gives_the_same_network():
    first = network(seed=3)
    torch.rand(7)  # what others draw is of no concern
    second = network(seed=3)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


@pytest.mark.parametrize("name", ["conv1.weight", "conv3.weight", "fc1.weight", "out.weight"])
def test_another_seed_gives_another_network(name):
    assert not torch.equal(network(seed=3).state_dict()[name], network(seed=4).state_dict()[name])


@pytest.mark.parametrize(
    ("name", "fan_in"),
    [
        ("conv1.weight", 256),  # 4 * 8 * 8
        ("conv2.weight", 256),  # 16 * 4 * 4
        ("conv3.weight", 144),  # 16 * 3 * 3
        ("fc1.weight", 784),  # 16 * 7 * 7
        ("out.weight", 64),
    ],
)
def test_initial_weights_are_uniform_within_the_root_of_six_over_the_fan_in(name, fan_in):
    bound = (6 / fan_in) ** 0.5
    largest = network(18).state_dict()[name].abs().max().item()
    assert 0.9 * bound < largest <= bound


def test_initial_biases_are_zero():
    state = network(18).state_dict()
    assert not any(tensor.any() for name, tensor in state.items() if name.endswith("bias"))


# --- vectors ---


def test_a_vector_observation_builds_two_hidden_layers():
    names = [f"{layer}.{kind}" for layer in ("fc0", "fc1", "out") for kind in ("weight", "bias")]
    assert list(network(2, shape=(4,)).state_dict()) == names


def test_a_vector_network_has_the_parameters_of_its_layers():
    # 4*64+64 + 64*64+64 + 64*2+2 = 320 + 4160 + 130
    assert parameter_count(network(2, shape=(4,))) == 4610


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_vector_network_is_two_relu_layers_and_a_linear_one(dtype):
    net = network(2, shape=(4,))
    x = torch.tensor([[1.0, -2.0, 3.0, -400.0]], dtype=dtype)
    hidden = F.relu(net.fc1(F.relu(net.fc0(x.float()))))
    torch.testing.assert_close(net(x), net.out(hidden))


# --- several games ---

THREE = {"freeway": 3, "pong": 6, "qbert": 6}
TEN = {name: game.num_actions for name, game in GAMES.items()}


def for_several(num_actions=THREE, size="multi3", shape=(4, 84, 84), seed=0) -> MultiGameNetwork:
    return MultiGameNetwork(num_actions, size, shape, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("num_actions", "size", "parameters"),
    [
        # torso 8224 + 32832 + 36928 + 1606144 = 1684128; a controller 512*128+128 + 128*A+A;
        # 3 * 65664 + 12 * 129 where the paper's Pong had 3 actions, 15 * 129 with ale-py's 6
        (THREE | {"pong": 3}, "multi3", 1_882_668),
        (THREE, "multi3", 1_883_055),
        # torso 16448 + 65600 + 36928 + 4705500; 10 * (1500*128+128) + 85 or 88 actions * 129
        (TEN | {"pong": 3}, "multi10", 6_756_721),
        (TEN, "multi10", 6_757_108),
    ],
)
def test_parameter_counts_for_several_games_are_the_papers(num_actions, size, parameters):
    assert parameter_count(MultiGameNetwork(num_actions, size)) == parameters


def test_weights_for_several_games_are_named_after_game_and_layer():
    layers = ["conv1", "conv2", "conv3", "fc1"]
    layers += [f"controllers.{game}.{layer}" for game in THREE for layer in ("fc2", "out")]
    names = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert list(for_several().state_dict()) == names


@pytest.mark.parametrize("game", THREE)
def test_a_controller_is_a_relu_layer_and_a_linear_one_on_the_shared_features(game):
    net = for_several()
    weights = {k.replace(f"controllers.{game}.fc2", "out"): v for k, v in net.state_dict().items()}
    with torch.no_grad():
        hidden = F.relu(reference(weights, frames()))
        expected = net.controllers[game].out(hidden)
        values = net.for_game(game)(frames())
    assert values.shape == (4, THREE[game])
    torch.testing.assert_close(values, expected, atol=1e-5, rtol=0)


def test_a_minibatch_of_one_game_updates_only_the_torso_and_its_controller():
    net = for_several()
    net.for_game("pong")(frames()).square().sum().backward()
    moved = {name for name, parameter in net.named_parameters() if parameter.grad is not None}
    others = {n for n in moved if n.startswith("controllers.") and "pong" not in n}
    assert {"conv1.weight", "fc1.bias", "controllers.pong.out.weight"} <= moved
    assert others == set()


def test_the_part_for_one_game_shares_its_weights():
    net = for_several()
    part, before = net.for_game("pong"), net.for_game("pong")(frames())
    with torch.no_grad():
        net.controllers["pong"].out.bias += 1
    torch.testing.assert_close(part(frames()), before + 1)


def test_the_features_of_several_games_are_those_of_a_network_for_one():
    net, one = for_several(), network(size="teacher", seed=1)
    shared = {k: v for k, v in net.state_dict().items() if not k.startswith("controllers.")}
    one.load_state_dict(shared, strict=False)
    torch.testing.assert_close(net.features(frames()), one.features(frames()))


def test_controllers_are_initialised_like_other_layers():
    weight = for_several().state_dict()["controllers.pong.fc2.weight"]
    bound = (6 / 512) ** 0.5
    assert 0.9 * bound < weight.abs().max().item() <= bound
    assert not for_several().controllers["pong"].fc2.bias.any()


def test_under_autocast_a_controllers_last_layer_is_computed_in_float32():
    values = under_autocast(for_several().for_game("pong"))
    assert values.dtype == torch.float32 and (values != values.bfloat16().float()).any()


def test_several_games_with_vector_observations_have_a_network():
    assert for_several(shape=(5,)).for_game("freeway")(torch.ones(2, 5)).shape == (2, 3)


def test_a_game_without_a_controller_is_refused_with_the_games_there_are():
    with pytest.raises(ValueError, match="no controller for 'breakout'; games: freeway, pong, qb"):
        for_several().for_game("breakout")


def test_a_size_for_one_game_is_refused_for_several():
    with pytest.raises(ValueError, match="'net3' is for one game; .* several games: multi3, mult"):
        MultiGameNetwork(THREE, "net3")


@pytest.mark.parametrize("size", MULTI_SIZES)
def test_a_size_for_several_games_is_refused_for_one(size):
    with pytest.raises(ValueError, match=f"{size!r} is for several games; sizes for one game: tea"):
        QNetwork(6, size)


def test_an_unknown_size_for_several_games_is_refused_with_the_nearest_of_theirs():
    with pytest.raises(ValueError, match="unknown size 'multi4'; did you mean 'multi3'"):
        MultiGameNetwork(THREE, "multi4")


# --- refusals ---


@pytest.mark.parametrize("shape", [(3, 84, 84), (4, 84, 83), (84, 84), (), (4, 210, 160, 3)])
def test_a_shape_that_fits_no_network_is_refused_in_one_sentence(shape):
    with pytest.raises(ValueError) as raised:
        QNetwork(6, "net3", shape)
    message = str(raised.value)
    assert str(shape) in message and "(4, 84, 84)" in message and "\n" not in message


def test_an_unknown_size_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="unknown size 'net6'; did you mean 'net[12345]'"):
        QNetwork(6, "net6")


def test_a_misspelt_size_is_answered_with_the_right_one():
    with pytest.raises(ValueError, match="did you mean 'teacher'"):
        size_by_name("techer")


def test_an_unknown_size_is_refused_in_one_line_that_lists_all_sizes():
    with pytest.raises(ValueError, match="sizes: teacher, net1, net2, net3, net4, net5$"):
        size_by_name("net6")


def test_normalization_has_no_parameters():
    plain, normalized = QNetwork(6), QNetwork(6, normalization="layer")
    assert parameter_count(normalized) == parameter_count(plain) == 1_687_206
    assert list(normalized.state_dict()) == list(plain.state_dict())


def test_a_normalized_layer_has_zero_mean_and_unit_variance_before_its_relu():
    for shape in ((5, 3, 7, 7), (5, 64)):
        x = 3 + 10 * torch.randn(shape)
        flat = x.flatten(1)
        mean, variance = flat.mean(1, keepdim=True), flat.var(1, keepdim=True, unbiased=False)
        expected = ((flat - mean) / variance.sqrt()).relu().view(shape)
        torch.testing.assert_close(activation(x, "layer"), expected, rtol=1e-3, atol=1e-3)
        assert torch.equal(activation(x, "none"), x.relu())


def test_every_hidden_layer_is_normalized(monkeypatch):
    seen = []
    for module in ("torso", "networks"):
        monkeypatch.setattr(
            f"pdlearn.{module}.activation",
            lambda x, how: seen.append((x.shape[1], how)) or x.relu(),
        )
    QNetwork(6, normalization="layer")(frames())
    assert seen == [(width, "layer") for width in (32, 64, 64, 512)]
    seen.clear()
    MultiGameNetwork({"pong": 6, "freeway": 3}, normalization="layer")(frames(), "pong")
    assert seen == [(width, "layer") for width in (32, 64, 64, 512, 128)]
    seen.clear()
    QNetwork(2, "net3", (5,), normalization="layer")(torch.randn(3, 5))
    assert seen == [(64, "layer"), (64, "layer")]


def test_an_unknown_normalization_is_refused():
    with pytest.raises(ValueError, match="unknown normalization 'batch'; expected none or layer"):
        QNetwork(6, normalization="batch")


@pytest.mark.parametrize("num_actions", [0, -1, 257, 10**9, 6.0, True, None, "6"])
def test_a_number_of_actions_that_no_game_has_is_refused(num_actions):
    with pytest.raises(ValueError, match="expected num_actions"):
        QNetwork(num_actions, "net3")
    with pytest.raises(ValueError, match="expected num_actions"):
        MultiGameNetwork({"pong": num_actions})


@pytest.mark.parametrize("games", [{}, {"my.game": 3}, {"": 3}, {3: 3}, [3]])
def test_games_that_cannot_have_controllers_are_refused(games):
    with pytest.raises(ValueError, match="expected (num_actions|names|a key)"):
        MultiGameNetwork(games)


@pytest.mark.parametrize("shape", [(10**9,), (0,), (-3,), (3.0,), 3, None, (84, 84), (3, 84, 84)])
def test_a_shape_of_observations_that_no_network_takes_is_refused(shape):
    with pytest.raises(ValueError, match="expected the shape|fit no network here"):
        QNetwork(3, "net3", shape)


@pytest.mark.parametrize(
    ("observation", "got"),
    [
        (torch.zeros(2, 4, 84, 84), r"float32 \[2, 4, 84, 84\]"),  # scaled already
        (torch.zeros(2, 4, 84, 84, dtype=torch.int64), r"int64 \[2, 4, 84, 84\]"),
        (torch.zeros(2, 3, 84, 84, dtype=torch.uint8), r"uint8 \[2, 3, 84, 84\]"),
        (torch.zeros(2, 84, 84, 4, dtype=torch.uint8), r"uint8 \[2, 84, 84, 4\]"),
        (torch.zeros(4, 84, 84, dtype=torch.uint8), r"uint8 \[4, 84, 84\]"),
        (None, "None"),
        ([[0]], r"\[\[0\]\]"),
    ],
)
def test_other_observations_are_refused_with_the_shape_and_type_that_was_got(observation, got):
    wanted = rf"expected observations as uint8 \[B, 4, 84, 84\]; got {got}$"
    several = MultiGameNetwork({"pong": 6, "qbert": 6})
    for network in (QNetwork(6, "net3"), several.for_game("pong")):
        with pytest.raises(ValueError, match=wanted):
            network(observation)


@pytest.mark.parametrize(
    "observation", [torch.zeros(2, 4), torch.zeros(3), torch.ones(2, 3).byte()]
)
def test_other_vectors_are_refused(observation):
    with pytest.raises(ValueError, match=r"expected observations as floating point \[B, 3\]; got"):
        QNetwork(2, "net3", (3,))(observation)


def test_blends_of_pictures_are_taken_inside_their_block_only():
    network, picture = QNetwork(6, "net3"), torch.full((1, 4, 84, 84), 7, dtype=torch.uint8)
    with blends(network):
        assert torch.allclose(network(picture.float()), network(picture))
    with pytest.raises(ValueError, match="got float32"):
        network(picture.float())
