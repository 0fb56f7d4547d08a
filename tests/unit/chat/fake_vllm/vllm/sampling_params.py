import dataclasses


@dataclasses.dataclass
class StructuredOutputsParams:
    json: dict | str | None = None


@dataclasses.dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop_token_ids: list | None = None
    max_tokens: int | None = 16
    structured_outputs: StructuredOutputsParams | None = None
