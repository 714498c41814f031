"""When to use which format: words that no format says of itself."""

WORDS = {
    "imagefolder": """
The form that most training scripts take, and the one to have when in doubt: every image is a file under its published
name. It costs 1,331,167 inodes, is slow to list and to read from network file systems and hard disks, and a scan of the
class folders precedes every training.""",
    "torchvision": """
Take it where code calls `torchvision.datasets.ImageNet`. It is the tree of [imagefolder](imagefolder.md) and one file
more; both together cost the space of one.""",
    "cls-loc": """
For code that wants the folders of the development kits of 2014 to 2017, of the 166 GB CLS-LOC archive, or of Kaggle's
object localization challenge. On the file system of an `imagefolder` its images are hard links and cost no space.
See [organise](../steps/07-organise.md).""",
    "webdataset": """
One stream of large files: for object stores, network file systems and many machines. Order is fixed when it is written
and mixed by the reader within a buffer, so the default order is a shuffled one.""",
    "parquet": """
For `datasets`, for looking at the set with SQL (DuckDB, Polars), and as the form that the Hugging Face hub keeps.
Random access costs a row group.""",
    "tfds": """
For code that calls `tfds.load("imagenet2012")`: `data_dir` is this folder, nothing is downloaded or built again, and
examples come in the order that TFDS itself gives them.""",
    "array-record": """
Random access for Grain and JAX, and for `tfds.data_source`. The same folder as `tfds` writes, with records that can be
read by number.""",
    "tfrecord": """
For the training code of tensorflow/models, the reference of MLPerf, and others that parse `image/encoded` themselves.
Labels count from 1 here, as these readers expect.""",
    "recordio": """
For MXNet, GluonCV and DALI's mxnet reader: three files a split.""",
    "mds": """
For MosaicML's streaming: shards in an object store or on a shared disk, each machine keeps what it has read, and the
order is that of the epoch's seed whatever the number of machines.""",
    "litdata": """
For LitData's `StreamingDataset`, locally or from an object store.""",
    "coco": """
Boxes for detectors that read COCO json. Images are not in it: write `imagefolder` beside it.""",
    "voc": """
Boxes for detectors that read VOC XML. Images are not in it: write `imagefolder` beside it.""",
    "lists": """
Labels alone, a few files, for readers that take a folder of images and a list: Caffe, PaddleClas, mmpretrain, DINOv2,
Keras. Written in seconds beside a tree that is there.""",
    "lmdb": """
One file a split, memory-mapped: random access in any order without opening a million files. As PyTorch's folder2lmdb
writes it, or with `--option lmdb.layout=caffe` as Caffe does.""",
    "hdf5": """
For code that reads HDF5: fuel's layout with original bytes, or with `--option hdf5.layout=biggan` the one of BigGAN,
128 or 256 pixels.""",
    "npz": """
For code that wants a downsampled ImageNet (8, 16, 32 or 64 pixels) as arrays in memory, as Imagenet32 was published.
**Its `labels` are ILSVRC ids from 1**, as there; `npy/train_labels_*` has the usual labels from 0.""",
    "ffcv": """
For FFCV's loader: one file a split. `--option ffcv.mode=proportion` makes the mixture of FFCV's own recipe: longest
side 500, half of the images decoded beforehand, so that the processor has less to do at every epoch. The file is
written without FFCV, which need not be compiled here.""",
    "lance": """
For Lance and its SQL: columns with images inside, random access by row, versions.""",
}
