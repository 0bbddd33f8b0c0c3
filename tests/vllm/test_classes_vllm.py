"""Which models vLLM serves with a class of its own, by vLLM's own list."""

from types import SimpleNamespace

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from steer.engines.served import BORROWED
from steer.engines.vllm_start import check_class
from steer.errors import UserError
from steer.plan.facts import FAMILIES

pytestmark = pytest.mark.vllm


@pytest.mark.parametrize("family", FAMILIES)
def test_families_refused_before_anything_loads_are_those_that_vllm_has_no_class_for(family):
    config = SimpleNamespace(architectures=[MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[family]])
    if family in BORROWED:
        with pytest.raises(UserError, match="with transformers' class"):
            check_class(config)
    else:
        check_class(config)
