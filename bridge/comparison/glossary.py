"""What the words of a comparison's report mean, and where its methods come from."""

DEFINITIONS = {
    "T": "The time steps for which the input is shown and in which each layer may fire. A layer starts after the one "
    "before it, so an inference takes a few steps more than T: its duration.",
    "Converted": "The artificial network with each ReLU replaced by an integrate-and-fire neuron that subtracts its "
    "threshold when it fires: the number of its spikes stands for the activation (Rueckauer 2017).",
    "Quantised twin": "The artificial network with each activation rounded to one of the T + 1 numbers of spikes that "
    "T steps allow (Bu 2022). Where the converted network differs from it, spikes came unevenly.",
    "Bits": "Of the twin's activations: ceil(log2(T + 1)), what it takes to write one of T + 1 numbers. It is the fair "
    "opponent of a converted network, as it says the same in one pass.",
    "Surrogate-trained": "A network of leaky spiking neurons, trained as such at one T, with a smooth derivative in "
    "place of the step's (Neftci 2019), on snnTorch (Eshraghian 2023); then simulated at every T.",
    "Spikes per inference": "All spikes of all layers for one image, the mean over the test images.",
    "Synaptic operation": "One synapse reached by one spike: a weight is added to a potential.",
    "MAC": "Multiply-accumulate: a multiplication and an addition, the unit of work of an artificial network. A "
    "spiking network's first layer does its own once an image, as its input is a constant current and not spikes.",
    "Relay": "A neuron of a pooling layer: it hands on the spikes that the pooling lets through, and is counted with "
    "the other neurons.",
    "Decision": "The class with the highest output so far. Its step is the first after which it changes no more. "
    "Of equal outputs the first counts; as long as all are 0, nothing is decided.",
    "Interval": "The 95 % interval of a share of right answers (Wilson 1927): how sure an accuracy is with so many "
    "test images. It does not tell how accuracy would vary with another training.",
    "Equality": "The exact test of McNemar (1947) on the images that one network gets right and the other does not. "
    "Its p is the probability of so uneven a split if both were equally often right.",
    "Equivalence": "Two one-sided score tests (Schuirmann 1987, Tango 1998) of the difference of accuracy being as "
    "large as the margin. No significant difference is no sign of equality: too few images have the same effect.",
    "Adjusted": "Holm's (1979) correction for testing at several T's: all adjusted p below 0.05 together are wrong in "
    "one case of twenty at most.",
    "Front": "The points that no other point beats in all that is compared (Pareto).",
    "Eyes covered": "A black bar over each object, as over the eyes in a photograph: as wide as the object, with its "
    "middle at 40 % of the object's height from the top. The object is the box of all pixels of at least half "
    "the largest value.",
    "Lesions": "A share of the units of every hidden layer is silent, the same ones in the artificial network, its "
    "twin and the spiking ones; the mean of three choices.",
    "Coarse weights": "Weights rounded to the nearest of 2^bits - 1 evenly spaced values, for every output by itself "
    "(Krishnamoorthi 2018), without training again; thresholds of the converted network are chosen anew.",
}
SOURCES = (
    "B. Rueckauer, I.-A. Lungu, Y. Hu, M. Pfeiffer, S.-C. Liu: Conversion of continuous-valued deep networks to "
    "efficient event-driven networks for image classification. Frontiers in Neuroscience 11:682, 2017.",
    "T. Bu, W. Fang, J. Ding, P. Dai, Z. Yu, T. Huang: Optimal ANN-SNN conversion for high-accuracy and "
    "ultra-low-latency spiking neural networks. ICLR 2022 (QCFS quantisation).",
    "E. O. Neftci, H. Mostafa, F. Zenke: Surrogate gradient learning in spiking neural networks. IEEE Signal "
    "Processing Magazine 36(6):51-63, 2019.",
    "J. K. Eshraghian et al.: Training spiking neural networks using lessons from deep learning. Proceedings of the "
    "IEEE 111(9):1016-1054, 2023 (snnTorch).",
    "M. Horowitz: Computing's energy problem (and what we can do about it). ISSCC 2014, 10-14.",
    "J. Yik et al.: The NeuroBench framework for benchmarking neuromorphic computing algorithms and systems. Nature "
    "Communications 16:1545, 2025.",
    "Q. McNemar: Note on the sampling error of the difference between correlated proportions or percentages. "
    "Psychometrika 12:153-157, 1947.",
    "T. Tango: Equivalence test and confidence interval for the difference in proportions for the paired-sample "
    "design. Statistics in Medicine 17:891-908, 1998.",
    "D. J. Schuirmann: A comparison of the two one-sided tests procedure and the power approach for assessing the "
    "equivalence of average bioavailability. Journal of Pharmacokinetics and Biopharmaceutics 15:657-680, 1987.",
    "S. Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6:65-70, "
    "1979.",
    "D. Hendrycks, T. Dietterich: Benchmarking neural network robustness to common corruptions and perturbations. ICLR "
    "2019.",
    "R. Krishnamoorthi: Quantizing deep convolutional networks for efficient inference. arXiv:1806.08342, 2018.",
    "E. B. Wilson: Probable inference, the law of succession, and statistical inference. Journal of the American "
    "Statistical Association 22:209-212, 1927.",
)
