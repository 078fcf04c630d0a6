// Runs in each part of the page that one clicks: sends "picked" and "painted" to Python.
const send = (node) => trigger("picked", JSON.parse(node.dataset.event));
const targets = () => [...element.querySelectorAll("[data-event]")];
let hadFocus = false;

element.addEventListener("click", (event) => {
  const node = event.target.closest("[data-event]");
  if (node) { hadFocus = event.detail === 0; send(node); }
  const plane = event.target.closest(".plane");
  if (plane && !node) {
    const box = plane.getBoundingClientRect();
    const share = (value) => Math.min(1000, Math.max(0, Math.round(1000 * value)));
    trigger("picked", { what: "point", x: share((event.clientX - box.left) / box.width),
                        y: share(1 - (event.clientY - box.top) / box.height) });
  }
});

// Arrows move among the tiles, Enter chooses, 1 to 9 choose by rank, Backspace goes back.
element.addEventListener("keydown", (event) => {
  if (event.target.closest("canvas") || event.ctrlKey || event.metaKey || event.altKey) return;
  const nodes = targets(), at = nodes.indexOf(document.activeElement);
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: rowLength(nodes), ArrowUp: -rowLength(nodes) };
  hadFocus = true;
  if (event.key in steps && at >= 0) {
    nodes[Math.min(nodes.length - 1, Math.max(0, at + steps[event.key]))].focus();
  } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
    send(nodes[at]);
  } else if (/^[1-9]$/.test(event.key)) {
    const ranked = nodes.filter((node) => JSON.parse(node.dataset.event).what === "choose");
    if (ranked[event.key - 1]) send(ranked[event.key - 1]);
  } else if (event.key === "Backspace") {
    trigger("picked", { what: "back" });
  } else return;
  event.preventDefault();
});

function rowLength(nodes) {
  const top = nodes.length ? nodes[0].offsetTop : 0;
  return Math.max(1, nodes.filter((node) => node.offsetTop === top).length);
}

function setUpPad() {
  const pad = element.querySelector(".pad");
  if (!pad || pad.dataset.ready) return;
  pad.dataset.ready = "yes";
  const { height, width, colour, hides, background, mask } = JSON.parse(pad.dataset.pad);
  const canvas = pad.querySelector("canvas"), context = canvas.getContext("2d");
  canvas.width = width; canvas.height = height;
  canvas.style.aspectRatio = `${width} / ${height}`;
  const hidden = mask ? Uint8Array.from(atob(mask), (c) => c.charCodeAt(0)) : new Uint8Array(width * height);
  let cursor = [width >> 1, height >> 1], last = null;
  const picture = new Image();
  const redraw = () => {
    if (!hides) return;
    context.drawImage(picture, 0, 0, width, height);
    hidden.forEach((value, i) => {
      if (!value) return;
      context.fillStyle = (i % width + (i / width | 0)) % 2 ? "#c2761a" : "#d98a2b";
      context.fillRect(i % width, i / width | 0, 1, 1);
    });
  };
  context.fillStyle = "#000"; context.fillRect(0, 0, width, height);
  if (background) {
    picture.onload = () => { context.drawImage(picture, 0, 0, width, height); redraw(); };
    picture.src = background;
  }
  const dab = (x, y) => {
    const radius = Math.max(0.8, width / 24);
    if (hides) {
      for (let j = 0; j < height; j++) for (let i = 0; i < width; i++)
        if (Math.hypot(i + 0.5 - x, j + 0.5 - y) <= 1.6 * radius) hidden[j * width + i] = 1;
      redraw();
    } else {
      const input = document.querySelector("#brush input");
      context.fillStyle = colour && input ? input.value : "#fff";
      context.beginPath(); context.arc(x, y, radius, 0, 7); context.fill();
    }
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * width,
            (event.clientY - box.top) / box.height * height];
  };
  const stroke = (to) => {
    const from = last ?? to, count = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) + 1;
    for (let i = 1; i <= count; i++)
      dab(from[0] + (to[0] - from[0]) * i / count, from[1] + (to[1] - from[1]) * i / count);
    last = to;
  };
  const finish = () => {
    last = null;
    let bytes = hidden;
    if (!hides) {
      const rgba = context.getImageData(0, 0, width, height).data;
      bytes = rgba.filter((_, i) => i % 4 !== 3);
    }
    let text = "";
    for (const value of bytes) text += String.fromCharCode(value);
    trigger("painted", { cells: btoa(text) });
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return; // a second finger would join its point to the first one's
    canvas.setPointerCapture(event.pointerId); stroke(place(event)); event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => { if (last && event.isPrimary) stroke(place(event)); });
  for (const end of ["pointerup", "pointercancel"]) // pens and touch screens may cancel a stroke
    canvas.addEventListener(end, (event) => { if (last && event.isPrimary) finish(); });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (event.key in moves) {
      cursor = [Math.min(width - 1, Math.max(0, cursor[0] + moves[event.key][0])),
                Math.min(height - 1, Math.max(0, cursor[1] + moves[event.key][1]))];
      if (event.shiftKey) dab(cursor[0] + 0.5, cursor[1] + 0.5);
    } else if (event.key === " ") dab(cursor[0] + 0.5, cursor[1] + 0.5);
    else if (event.key === "Enter") finish();
    else return;
    event.preventDefault();
  });
}

setUpPad();
watch("value", () => {
  setUpPad();
  const first = targets()[0];
  if (hadFocus && first) first.focus({ preventScroll: true });
});
