"""A configuration is complete, typed and strict, and every mistake is one line naming file, key and what is allowed."""

import pytest

from cxrbench.config import OFF, fingerprint, seedless_fingerprint
from cxrbench.configfile import CONFIGS, load_config
from cxrbench.errors import ConfigError


@pytest.mark.parametrize("name", sorted(file.stem for file in CONFIGS.glob("*.toml") if file.stem != "base"))
def test_every_shipped_file_loads_and_is_named_after_itself(name):
    assert load_config(name).name == name
    assert load_config(CONFIGS / f"{name}.toml") == load_config(name)


def test_the_reference_settings():
    config = load_config("nih256")
    assert (config.data.source, config.data.image_size) == ("nih", 256)
    assert (config.model.latent_dim, config.model.base_size, config.model.generator_width) == (100, 8, 256)
    assert (config.optimizer.learning_rate, config.optimizer.beta_1) == (2e-4, 0.5)
    assert (config.train.batch_size, config.train.epochs) == (64, 3500)
    assert config.objective.label_flip == 0.1
    assert config.objective.label_smoothing > 0
    assert config.objective.instance_noise > 0
    assert config.objective.generator_updates > 1
    assert config.objective.gate_accuracy < 1
    assert config.model.dropout > 0


def write(folder, text):
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nbatch_sise = 3", r"mine\.toml: train\.batch_sise: unknown key; allowed here: .*batch_size"),
        ("[trian]\nepochs = 3", r"mine\.toml: trian: unknown key; allowed here: .*train"),
        ("[train]\nepochs = 1.5", r"mine\.toml: train\.epochs: .*integer.*1\.5"),
        ('[train]\nepochs = "3"', r"mine\.toml: train\.epochs: .*integer.*'3'"),
        ("[train]\nbatch_size = 0", r"mine\.toml: train\.batch_size: .*greater than or equal to 1.*0"),
        ('[data]\nsource = "nah"', r"mine\.toml: data\.source: .*'phantom', 'nih' or 'folder'.*'nah'"),
        ("[data]\nimage_size = 65", r"mine\.toml: data\.image_size: 65 is not .*16, 32, 64"),
        ('[data]\nviews = ["PA"]', r"mine\.toml: data\.views: only source .nih. can be filtered"),
        ("[model]\nkernel_size = 3", r"mine\.toml: model\.kernel_size: an odd kernel"),
        ("[model]\ngenerator_width = 6", r"mine\.toml: model\.generator_width: 6 cannot be halved"),
        ("[train]\nbatch_size = 5000", r"mine\.toml: train\.batch_size: 5000 is more than the 1024 training images"),
        ("[model]\ndropout = 0.999", r"mine\.toml: model\.dropout: .*0\.99"),
        ("[optimizer]\nlearning_rate = inf", r"mine\.toml: optimizer\.learning_rate: .*finite"),
        ("[data]\ncount = 60", r"mine\.toml: data\.count: 60 with .* holds out 12 images, and evaluate needs 16"),
        (
            '[objective]\nloss = "hinge"\nlabel_smoothing = 0.1',
            r"mine\.toml: objective\.label_smoothing: a hinge knows no half labels",
        ),
        (
            '[objective]\ngradient_penalty = 1.0\n[compute]\nprecision = "bfloat16"',
            r"mine\.toml: objective\.gradient_penalty: .*bfloat16 cannot hold",
        ),
        ('[objective]\naugmentation = ["flip"]', r"mine\.toml: objective\.augmentation: .*'cutout'.*'flip'"),
        ("data = 3", r"mine\.toml: data: .*dictionary"),
        ("[train\n", r"mine\.toml: not valid TOML"),
    ],
)
def test_mistakes_name_file_key_and_what_is_allowed(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_two_mistakes_are_two_lines(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, "[train]\nepochs = 0\nepoch = 1"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_names_those_there_are():
    with pytest.raises(ConfigError, match=r"quikc: there is no such configuration file; .*quick"):
        load_config("quikc")


def test_settings_of_the_command_line_win_and_are_blamed():
    assert load_config("quick", ["train.epochs=3", "data.source=folder"]).train.epochs == 3
    with pytest.raises(ConfigError, match=r"command line: train\.epochs: "):
        load_config("quick", ["train.epochs=many"])
    with pytest.raises(ConfigError, match="section.key=value"):
        load_config("quick", ["epochs"])


def test_fingerprints_tell_what_changed():
    quick = load_config("quick")
    longer = load_config("quick", ["train.epochs=99"])
    other = load_config("quick", ["optimizer.beta_1=0.6"])
    assert len({quick.fingerprint, longer.fingerprint, other.fingerprint}) == 3
    assert quick.training_fingerprint == longer.training_fingerprint  # the same run may go on for longer
    assert quick.training_fingerprint != other.training_fingerprint
    assert quick.fingerprint == load_config("quick").fingerprint


def test_a_setting_that_came_later_changes_the_fingerprint_only_where_it_is_on():
    """Else no run and no report of before could be gone on with or reproduced."""
    plain = load_config("quick")
    settings = plain.model_dump(mode="json", include={"data", "model", "objective", "optimizer"})
    for section, off in OFF.items():
        for key, value in off.items():
            assert settings[section].pop(key) == value
    settings["train"] = {"seed": plain.train.seed, "batch_size": plain.train.batch_size}
    settings["compute"] = {"precision": plain.compute.precision, "tf32": plain.compute.tf32}
    assert plain.training_fingerprint == fingerprint(settings)
    faster, falling = "optimizer.discriminator_rate=2.0", "optimizer.half_life=9"
    on = ["model.spectral_norm=true", "objective.average_decay=0.9", faster, falling]
    assert len({load_config("quick", [one]).training_fingerprint for one in on} | {fingerprint(settings)}) == 5


def test_trainings_are_alike_whatever_their_seed_and_whatever_is_off_and_was_not_there_yet():
    def of(*changes):
        return seedless_fingerprint(load_config("quick", list(changes)).model_dump(mode="json"))

    assert of("train.seed=7", "train.epochs=99", "compute.device=cpu") == of()
    others = ["train.batch_size=16", "data.seed=1", "compute.tf32=true", "optimizer.half_life=9"]
    assert len({of(one) for one in others} | {of()}) == 5
    earlier = load_config("quick").model_dump(mode="json")
    for section, off in OFF.items():
        for key in off:
            del earlier[section][key]
    assert seedless_fingerprint(earlier) == of()
    assert earlier["train"]["seed"] == 0  # what was given is left as it was
