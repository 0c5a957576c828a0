"""Asks for predictions with requests, and waits where the server is full. Knows nothing of dynonnx.

``python examples/clients/requests_client.py --url http://127.0.0.1:8000 --model iris``
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import requests

ROWS: list[dict[str, Any]] = [
    {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2},
    {"sepal length (cm)": 6.7, "sepal width (cm)": 3.0, "petal length (cm)": 5.2, "petal width (cm)": 2.3},
]
TRIES = 3


def predict(session: requests.Session, url: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Answers the rows by name. Raises ValueError with the server's words for rows that it does not take."""
    for _ in range(TRIES):
        answer = session.post(url, json={"features": rows}, timeout=10)
        if answer.status_code != 503:
            break
        time.sleep(float(answer.headers["Retry-After"]))
    if answer.status_code == 422:
        raise ValueError(answer.json()["error"])
    answer.raise_for_status()
    predictions: dict[str, Any] = answer.json()
    return predictions


def main() -> None:
    """Prints two predictions, and what the server says of a wrong row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--model", default="iris")
    given = parser.parse_args()
    url = f"{given.url}/models/{given.model}/predict"
    with requests.Session() as session:  # one connection for all requests: without it each pays for a new one
        answer = predict(session, url, ROWS)
        for label, probability in zip(answer["prediction"], answer["probability"], strict=True):
            print(f"{label} {probability:.4f}")
        try:
            predict(session, url, [ROWS[0] | {"sepal width (cm)": "wide"}])
        except ValueError as error:
            print(f"refused: {error}")


if __name__ == "__main__":
    main()
