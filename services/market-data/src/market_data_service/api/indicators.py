"""The catalogue of indicators."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from breezeway.security.scopes import Reader
from market_data_service.domain.indicators.catalogue import CATALOGUE

router = APIRouter(prefix="/api/v1/indicators", tags=["candles"])


class ParameterView(BaseModel):
    name: str = Field(examples=["length"])
    default: float = Field(examples=[20])
    minimum: float
    maximum: float
    whole: bool = Field(description="Whether it is a number of bars.")


class IndicatorView(BaseModel):
    name: str = Field(description="As in `indicators=` of candles.", examples=["bbands"])
    title: str = Field(examples=["Bollinger bands"])
    parameters: list[ParameterView] = Field(description="In the order in which they follow the name.")
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
                outputs=list(each.outputs),
                overlay=each.overlay,
            )
            for each in CATALOGUE.values()
        ]
    )
