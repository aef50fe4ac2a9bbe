"use strict";
// The page is whole without this: it opens what an anchor leads to, filters the images, and unfolds all for a printer.
const images = [...document.querySelectorAll("details.image")];

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

const field = document.getElementById("filter");
const said = document.getElementById("filtered");
field.parentElement.hidden = images.length < 2;
field.addEventListener("input", () => {
  const wanted = field.value.trim().toLowerCase();
  for (const image of images) image.hidden = !image.textContent.toLowerCase().includes(wanted);
  said.textContent = wanted ? `${images.filter((image) => !image.hidden).length} of ${images.length} images` : "";
});

addEventListener("beforeprint", () => images.forEach((image) => { image.open = true; }));
