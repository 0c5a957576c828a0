// Asks for predictions with fetch, in Node 18 or newer as in a browser: node examples/clients/fetch.mjs http://127.0.0.1:8000 iris
const [base = "http://127.0.0.1:8000", model = "iris"] = process.argv.slice(2);
const rows = [
  { "sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2 },
  { "sepal length (cm)": 6.7, "sepal width (cm)": 3.0, "petal length (cm)": 5.2, "petal width (cm)": 2.3 },
];

async function predict(features) {
  const response = await fetch(`${base}/models/${model}/predict`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ features, probabilities: true }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const answer = await predict(rows);
answer.prediction.forEach((label, row) => console.log(label, answer.probabilities[row][label].toFixed(4)));
await predict([{ ...rows[0], "sepal width (cm)": "wide" }]).catch((error) => console.log("refused:", error.message));
