"""The controlled words of the catalogue: what a field may say where free text would scatter."""

from enum import StrEnum


class Stage(StrEnum):
    """Four stages of reasoning that a survey of the field (arXiv 2409.03752) sorts heads into."""

    KNOWLEDGE_RECALLING = "knowledge recalling"
    IN_CONTEXT_IDENTIFICATION = "in-context identification"
    LATENT_REASONING = "latent reasoning"
    EXPRESSION_PREPARATION = "expression preparation"


class DateBasis(StrEnum):
    """What the date of a paper stands for."""

    SUBMISSION = "submission"
    ARXIV_ID = "month of the arXiv id"
    PUBLICATION_PAGE = "publication page"
    LISTING = "as a public paper list prints it"


class Method(StrEnum):
    """How a paper finds out about heads."""

    ABLATION = "ablation"
    ACTIVATION_PATCHING = "activation patching"
    ATTENTION_PATTERNS = "attention patterns"
    ATTRIBUTION = "attribution"
    BEHAVIOURAL = "behavioural tests"
    CIRCUIT_DISCOVERY = "circuit discovery"
    DICTIONARY_LEARNING = "dictionary learning"
    FINE_TUNING = "fine-tuning"
    PROBING = "probing"
    PRUNING = "pruning"
    STEERING = "steering"
    SURVEY = "survey"
    THEORY = "theory"
    TOY_MODELS = "toy models"
    TRAINING_DYNAMICS = "training dynamics"
    WEIGHT_ANALYSIS = "weight analysis"


class Domain(StrEnum):
    """What a paper studies heads for."""

    ALGORITHMIC_TASKS = "algorithmic tasks"
    ARITHMETIC = "arithmetic"
    ATTENTION_SINKS = "attention sinks"
    BIAS = "bias"
    CODE = "code"
    EFFICIENCY = "efficiency"
    FACTUAL_RECALL = "factual recall"
    IN_CONTEXT_LEARNING = "in-context learning"
    KNOWLEDGE_CONFLICTS = "knowledge conflicts"
    LINGUISTIC_STRUCTURE = "linguistic structure"
    LONG_CONTEXT = "long context"
    MULTILINGUALITY = "multilinguality"
    REASONING = "reasoning"
    RETRIEVAL_AND_RANKING = "retrieval and ranking"
    SAFETY = "safety"
    SCIENCE = "science"
    TRANSLATION = "translation"
    TRUTHFULNESS = "truthfulness"
    VISION = "vision"


class Modality(StrEnum):
    """What the models of a paper read."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    OTHER = "other"


class ModelFamily(StrEnum):
    """Families of models that papers study."""

    BERT = "BERT"
    BLOOM = "BLOOM"
    CLIP = "CLIP"
    DEEPSEEK = "DeepSeek"
    FALCON = "Falcon"
    GEMMA = "Gemma"
    GPT_2 = "GPT-2"
    GPT_J = "GPT-J"
    GPT_NEO = "GPT-Neo and GPT-NeoX"
    GPT_OSS = "gpt-oss"
    INTERNLM = "InternLM"
    LLAMA = "Llama"
    LLAVA = "LLaVA"
    MISTRAL = "Mistral and Mixtral"
    OLMO = "OLMo"
    OPT = "OPT"
    PHI = "Phi"
    PYTHIA = "Pythia"
    QWEN = "Qwen"
    QWEN_VL = "Qwen-VL"
    T5 = "T5"
    VISION_TRANSFORMER = "vision transformer"
    WHISPER = "Whisper"
    YI = "Yi"
    OWN = "trained for the paper"
    OTHER = "other"


class FactSource(StrEnum):
    """Kind of source that the facts of an entry come from."""

    ARXIV = "arXiv record"
    PROCEEDINGS = "proceedings"
    PUBLICATION_PAGE = "publication page"
    AUTHORS = "authors' repository or page"
    PAPER_LIST = "public paper list"
