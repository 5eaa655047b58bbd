"""Algorithms as parts, and the losses that a user would put in.

`losses` maps each method to the lines that replace its example of a loss. `recipe` is
the recipe with the same algorithm, if there is one, and `adds` is what it has beyond
the parts, for the table in `docs/recipes/custom.md`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Algorithm:
    """An algorithm that starts from `--recipe custom`."""

    options: dict
    losses: dict[str, str]
    recipe: str = ""
    adds: str = ""


GAN = Algorithm(
    recipe="gan",
    adds="Noise of `latent_size`, labels, a moving average of the generator, a method "
    "that generates images, and an evaluation of them instead of the losses.",
    options={
        "network": ("generator", "discriminator"),
        "optimizer": ("discriminator=discriminator", "generator=generator"),
        "noise": True,
    },
    losses={
        "discriminator_loss": """
            noise = keras.random.normal((len(x), 3), seed=self.seed_generator)
            fakes = self.generator(noise, training=True)
            real_logits = self.discriminator(x, training=True)
            fake_logits = self.discriminator(fakes, training=True)
            loss = keras.ops.mean(keras.ops.softplus(-real_logits))
            loss += keras.ops.mean(keras.ops.softplus(fake_logits))
        """,
        "generator_loss": """
            noise = keras.random.normal((len(x), 3), seed=self.seed_generator)
            fakes = self.generator(noise, training=True)
            fake_logits = self.discriminator(fakes, training=True)
            loss = keras.ops.mean(keras.ops.softplus(-fake_logits))
        """,
    },
)

WGAN_GP = Algorithm(
    recipe="wgan-gp",
    adds="What `gan` adds, except labels; fresh images for each update of the "
    "critic, the estimated distance as a metric, and a check for `BatchNormalization`.",
    options={
        "network": ("generator", "critic"),
        "optimizer": ("generator=generator", "critic=critic"),
        "updates": ("critic=5",),
        "noise": True,
        "input_gradients": True,
    },
    losses={
        "critic_loss": """
            noise = keras.random.normal((len(x), 3), seed=self.seed_generator)
            fakes = self.generator(noise, training=True)
            estimate = keras.ops.mean(self.critic(x, training=True))
            estimate -= keras.ops.mean(self.critic(fakes, training=True))
            weights = keras.random.uniform((len(x), 1), seed=self.seed_generator)
            between = weights * x + (1 - weights) * fakes
            grads = jax.grad(lambda x: keras.ops.sum(self.critic(x)))(between)
            norms = keras.ops.sqrt(keras.ops.sum(grads**2, axis=1))
            loss = 10 * keras.ops.mean((norms - 1) ** 2) - estimate
        """,
        "generator_loss": """
            noise = keras.random.normal((len(x), 3), seed=self.seed_generator)
            fakes = self.generator(noise, training=True)
            loss = -keras.ops.mean(self.critic(fakes, training=True))
        """,
    },
)

VAE = Algorithm(
    recipe="vae",
    adds="Methods that encode, decode and generate, both parts of the loss as metrics,"
    " other likelihoods, a warm-up of the KL divergence, and a tighter bound.",
    options={"network": ("encoder", "decoder"), "noise": True, "predict": "decoder"},
    losses={
        "joint_loss": """
            outputs = self.encoder(x, training=training)
            mean, log_variance = keras.ops.split(outputs, 2, axis=-1)
            noise = keras.random.normal(mean.shape, seed=self.seed_generator)
            latents = mean + keras.ops.exp(log_variance / 2) * noise
            logits = self.decoder(latents, training=training)
            losses = keras.ops.binary_crossentropy(x, logits, from_logits=True)
            loss = keras.ops.mean(keras.ops.sum(losses, axis=1))
            divergences = keras.ops.exp(log_variance) + mean**2 - 1 - log_variance
            loss += keras.ops.mean(keras.ops.sum(divergences, axis=1)) / 2
        """,
    },
)

SIMCLR = Algorithm(
    recipe="simclr",
    adds="`temperature`, accuracies, batches without labels or without unlabelled "
    "images, a frozen encoder, and an evaluation of the probe alone.",
    options={
        "network": ("encoder", "projection_head", "probe"),
        "frozen": ("augmenter",),
        "optimizer": ("contrastive=encoder,projection_head", "probe=probe"),
        "inputs": "streams",
        "predict": "probe",
    },
    losses={
        "contrastive_loss": """
            x = keras.ops.concatenate([labelled, unlabelled])
            views = [self.augmenter(x, training=True) for _ in range(2)]
            features = self.encoder(keras.ops.concatenate(views), training=True)
            z = keras.ops.normalize(self.projection_head(features, training=True))
            size = len(z)
            similarities = z @ keras.ops.transpose(z) / 0.5 - 1e9 * keras.ops.eye(size)
            others = (keras.ops.arange(size) + size // 2) % size
            losses = keras.losses.sparse_categorical_crossentropy(
                others, similarities, from_logits=True
            )
            loss = keras.ops.mean(losses)
        """,
        "probe_loss": """
            logits = self.probe(self.encoder(labelled), training=training)
            losses = keras.losses.sparse_categorical_crossentropy(
                y, logits, from_logits=True
            )
            loss = keras.ops.mean(losses)
        """,
    },
)

MEAN_TEACHER = Algorithm(
    recipe="mean-teacher",
    adds="A ramp-up of the consistency loss, both losses and the accuracy as "
    "metrics, and an evaluation without noise.",
    options={
        "network": ("student",),
        "average": ("teacher=student",),
        "frozen": ("augmenter",),
        "inputs": "streams",
    },
    losses={
        "student_loss": """
            x = keras.ops.concatenate([labelled, unlabelled])
            logits = student(self.augmenter(x, training=True), training=True)
            guide = self.teacher(self.augmenter(x, training=True), training=True)
            losses = keras.losses.sparse_categorical_crossentropy(
                y, logits[: len(y)], from_logits=True
            )
            loss = keras.ops.sum(losses) / len(x)
            difference = keras.ops.softmax(logits) - keras.ops.softmax(guide)
            loss += 50 * keras.ops.mean(difference**2)
        """,
    },
)

DISTILLATION = Algorithm(
    recipe="distillation",
    adds="`temperature` and `alpha`, both losses and the accuracy as metrics, and "
    "a loss of features.",
    options={"network": ("student",), "frozen": ("teacher",), "inputs": "xy"},
    losses={
        "student_loss": """
            logits = self.student(x, training=training)
            losses = keras.losses.sparse_categorical_crossentropy(
                y, logits, from_logits=True
            )
            teacher = keras.ops.log_softmax(self.teacher(x) / 4)
            differences = teacher - keras.ops.log_softmax(logits / 4)
            soft = keras.ops.sum(keras.ops.exp(teacher) * differences, axis=1)
            loss = keras.ops.mean(0.1 * losses + 0.9 * 16 * soft)
        """,
    },
)

DIFFUSION = Algorithm(
    recipe="diffusion",
    adds="The number of timesteps, the sampler, the velocity as target, labels with "
    "guidance, and checks of the pixels.",
    options={
        "network": ("denoiser",),
        "average": ("ema_denoiser=denoiser",),
        "noise": True,
    },
    losses={
        "denoiser_loss": """
            timesteps = keras.random.randint(
                (len(x),), 1, 5, seed=self.seed_generator
            )
            noise = keras.random.normal(x.shape, seed=self.seed_generator)
            angles = (keras.ops.arange(5) / 4 + 0.008) / 1.008 * 3.14159265 / 2
            squares = keras.ops.cos(angles) ** 2
            kept = keras.ops.maximum(squares[1:] / squares[:-1], 0.001)
            share = keras.ops.cumprod(kept)[timesteps - 1][:, None]
            noisy = share**0.5 * (2 * x - 1) + (1 - share) ** 0.5 * noise
            predicted = denoiser([noisy, timesteps[:, None] / 4], training=training)
            loss = keras.ops.mean((predicted - noise) ** 2)
        """,
    },
)

BYOL = Algorithm(
    options={
        "network": ("online", "predictor"),
        "average": ("target=online",),
        "optimizer": ("byol=online,predictor",),
        "noise": True,
    },
    losses={
        "byol_loss": """
            noise = keras.random.normal((2, *x.shape), seed=self.seed_generator)
            one, two = x + 0.1 * noise
            loss = 0.0
            for view, other in ((one, two), (two, one)):
                p = self.predictor(self.online(view, training=True), training=True)
                z = self.target(other, training=True)
                p, z = keras.ops.normalize(p), keras.ops.normalize(z)
                loss += keras.ops.mean(2 - 2 * keras.ops.sum(p * z, axis=1))
        """,
    },
)

PINN = Algorithm(
    options={"network": ("u",), "inputs": "streams", "input_gradients": True},
    losses={
        "u_loss": """
            loss = keras.ops.mean((self.u(labelled) - y) ** 2)
            if training:

                def u_sum(x):
                    return keras.ops.sum(self.u(x))

                def slope_sum(x):
                    return keras.ops.sum(jax.grad(u_sum)(x))

                # The equation u'' + 4 u = 0.
                residual = jax.grad(slope_sum)(unlabelled) + 4 * self.u(unlabelled)
                loss += keras.ops.mean(residual**2)
        """,
    },
)

#: The closest parts, which do not train as the recipe does.
FINETUNING = Algorithm(
    recipe="finetuning",
    adds="One gradient for both optimizers: with parts, the second network's gradient "
    "is computed after the update of the first. A frozen phase, a backbone in "
    "inference mode, LoRA, L2-SP, and the accuracy as a metric.",
    options={
        "network": ("backbone", "head"),
        "optimizer": ("backbone=backbone", "head=head"),
        "inputs": "xy",
        "predict": "head",
    },
    losses={},
)

#: The algorithms whose parts train as the recipe does.
RECIPES = (DIFFUSION, DISTILLATION, GAN, MEAN_TEACHER, SIMCLR, VAE, WGAN_GP)
