"use strict";

// One slider moves the frames of every backend to the same epoch.
for (const control of document.querySelectorAll("[data-epochs]")) {
  const range = control.querySelector("input");
  const epochs = range.dataset.labels.split(",");
  const show = () => {
    control.querySelector("output").value = epochs[range.value];
    range.setAttribute("aria-valuetext", `epoch ${epochs[range.value]}`);
    for (const image of document.querySelectorAll("[data-frame]")) {
      image.hidden = image.dataset.frame !== range.value;
    }
  };
  range.addEventListener("input", show);
  control.hidden = false;
  show();
}

// A click, Enter or Space enlarges an image; Escape, the button or a click beside it closes it again.
const dialog = document.querySelector("dialog");
const enlarged = dialog.appendChild(document.createElement("img"));
for (const image of document.querySelectorAll("figure.card img")) {
  const open = () => {
    enlarged.src = image.src;
    enlarged.alt = image.alt;
    dialog.showModal();
  };
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  image.classList.add("enlarges");
  image.addEventListener("click", open);
  image.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open();
  });
}
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

// Live charts, last: whatever one of them meets with, the rest of the page works. Their numbers lie beside them.
const actions = { export: true, source: false, compiled: false, editor: false };
const draw = async (holder) => vegaEmbed(holder, JSON.parse(holder.nextElementSibling.textContent), { renderer: "svg", actions });
for (const holder of document.querySelectorAll(".chart")) {
  draw(holder).catch((error) => {
    holder.textContent = "This chart could not be drawn; report.md beside this page has its picture.";
    console.error(error);
  });
}
