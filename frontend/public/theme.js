// Before the first paint, so that a dark room is never lit by a white flash. A file of its own: the policy allows no inline script.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("breezeway.theme");
  } catch (blocked) {
    chosen = null;
  }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
