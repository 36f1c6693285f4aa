// Asking the server, and its reasons where it refuses.

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return {};
  });
  if (!response.ok) {
    const reason = new Error(`${answer.error || `error ${response.status}`}.`);
    reason.passes = response.status === 503; // the same may be asked again
    throw reason;
  }
  return answer;
}

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function showError(line, message) {
  line.textContent = message ? message[0].toUpperCase() + message.slice(1) : "";
  line.hidden = !message;
}
