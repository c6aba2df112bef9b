"""The catalogue of indicators."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from breezeway.security.scopes import Reader
from market_data_service.domain.indicators.catalogue import catalogue

router = APIRouter(prefix="/api/v1/indicators", tags=["candles"])


class ParameterView(BaseModel):
    name: str = Field(examples=["length"])
    default: float = Field(examples=[20])
    minimum: float
    maximum: float
    whole: bool = Field(description="Whether it is a whole number: a number of bars, or TA-Lib's number of a mean.")


class IndicatorView(BaseModel):
    name: str = Field(description="As in `indicators=` of candles.", examples=["bbands"])
    title: str = Field(examples=["Bollinger bands"])
    parameters: list[ParameterView] = Field(description="In the order in which they follow the name.")
    inputs: list[str] = Field(description="Which columns of the bars it reads.", examples=[["close"]])
    group: str = Field(description="TA-Lib's group; `Breezeway` for those of ours.", examples=["Overlap Studies"])
    outputs: list[str] = Field(examples=[["upper", "middle", "lower"]])
    overlay: bool = Field(description="Drawn over the price; else in a pane of its own.")


class CatalogueView(BaseModel):
    items: list[IndicatorView]
    next: str | None = None


@router.get("")
async def read_catalogue(_user: Reader) -> CatalogueView:
    """Every indicator that `GET /api/v1/candles/{symbol}?indicators=` computes."""
    return CatalogueView(
        items=[
            IndicatorView(
                name=each.name,
                title=each.title,
                parameters=[
                    ParameterView(
                        name=one.name, default=one.default, minimum=one.low, maximum=one.high, whole=one.whole
                    )
                    for one in each.parameters
                ],
                inputs=list(each.inputs),
                group=each.group,
                outputs=list(each.outputs),
                overlay=each.overlay,
            )
            for each in catalogue().values()
        ]
    )
