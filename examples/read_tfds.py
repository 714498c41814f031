"""Read ImageNet by TFDS: python read_tfds.py ROOT (after: kilotar export ROOT tfds). Nothing is downloaded or built."""

import sys
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds


def prepare(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    image = tf.io.decode_image(image, channels=3, expand_animations=False)  # takes the one PNG of the set, too
    return tf.image.resize(image, (64, 64)) / 255.0, label


if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "tfds" / "imagenet2012" / "5.1.0"
    builder = tfds.builder_from_directory(str(folder))  # or tfds.load("imagenet2012", data_dir=ROOT/tfds)
    raw = builder.as_dataset("train", decoders={"image": tfds.decode.SkipDecoding()}, as_supervised=True)
    images, classes = 0, set()
    for batch, labels in raw.map(prepare).batch(16):
        images += len(batch)
        classes |= set(labels.numpy().tolist())
    print(f"tfds: {images} images of {len(classes)} classes")
