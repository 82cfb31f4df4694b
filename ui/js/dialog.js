// data-open shows the <dialog> of that selector, data-close closes the one around it.
import { one } from "./dom.js";

export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) {
      event.preventDefault();
      one(opener.dataset.open).showModal();
      return;
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    if (event.target.matches("dialog.qd-dialog")) event.target.close(); // the click was on the backdrop
  });
}
