"""One epoch of a small network from TFRecords, read by tf.data.

kilotar prepare ROOT --for tfrecord
python train_tfdata.py ROOT             (pip install tensorflow)
"""

import argparse

import tensorflow as tf

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", help="the folder that kilotar prepared; it has tfrecord in it")
parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
parser.add_argument("--batch", type=int, default=64)
given = parser.parse_args()

tf.keras.utils.set_random_seed(0)


def parse(record):
    """Give image, 0 to 1, and label, 0-based; in the file labels count from 1."""
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    }
    row = tf.io.parse_single_example(record, features)
    image = tf.io.decode_image(row["image/encoded"], channels=3, expand_animations=False)
    return tf.image.resize(image, (given.size, given.size)) / 255, row["image/class/label"] - 1


with open(f"{given.root}/tfrecord/labels.txt") as file:
    classes = len(file.readlines())
shards = tf.data.Dataset.list_files(f"{given.root}/tfrecord/train-*", seed=0)
train = (
    shards.interleave(tf.data.TFRecordDataset, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    .shuffle(5000, seed=0)
    .map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    .batch(given.batch, drop_remainder=True)
    .prefetch(tf.data.AUTOTUNE)
)

layers = [tf.keras.layers.Conv2D(filters, 3, strides=2, activation="relu") for filters in (32, 64, 128)]
model = tf.keras.Sequential([*layers, tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(classes)])
loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(1e-3)
losses = []
for images, labels in train:
    with tf.GradientTape() as tape:
        loss = loss_of(labels, model(images, training=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights, strict=True))
    losses.append(float(loss))
    if len(losses) % 100 == 1:
        print(f"step {len(losses)}, loss {losses[-1]:.3f}", flush=True)

few = max(1, len(losses) // 5)
print(f"loss {sum(losses[:few]) / few:.3f} at the begin, {sum(losses[-few:]) / few:.3f} at the end")
