# Asks for predictions with httr2: Rscript examples/clients/predict.R http://127.0.0.1:8000 iris
library(httr2)
given <- commandArgs(trailingOnly = TRUE)
base <- if (length(given) >= 1) given[1] else "http://127.0.0.1:8000"
model <- if (length(given) >= 2) given[2] else "iris"

rows <- list(
  list("sepal length (cm)" = 5.1, "sepal width (cm)" = 3.5, "petal length (cm)" = 1.4, "petal width (cm)" = 0.2),
  list("sepal length (cm)" = 6.7, "sepal width (cm)" = 3.0, "petal length (cm)" = 5.2, "petal width (cm)" = 2.3)
)
answer <- request(base) |>
  req_url_path("models", model, "predict") |>
  req_body_json(list(features = rows)) |>
  req_error(body = function(response) resp_body_json(response)$error) |>
  req_retry(max_tries = 3) |>
  req_perform() |>
  resp_body_json()
cat(sprintf("%s %.4f", answer$prediction, unlist(answer$probability)), sep = "\n")
