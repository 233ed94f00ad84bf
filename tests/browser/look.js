// What is wrong with a page as it is shown, as an array of sentences.
const faults = [];
const told = (text) => text.trim().replace(/\s+/g, " ").slice(0, 60);

// 1. Nothing is wider than the window.
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) {
  faults.push(`the page is wider than the window: ${document.documentElement.scrollWidth} of ${width} px`);
}
// What scrolls by itself must be reachable by keyboard.
for (const box of document.querySelectorAll("*")) {
  const scrolls = /auto|scroll/.test(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth + 1;
  if (scrolls && box.tabIndex < 0) {
    faults.push(`no keyboard reaches what is hidden at the right of: ${told(box.textContent)}`);
  }
}

// 2. Every text stands out from what is behind it (WCAG 2.1, 1.4.3).
const parsed = (colour) => {
  const parts = colour.match(/[\d.]+/g);
  if (!parts) return [0, 0, 0, 0];
  const [r, g, b, a] = parts.map(Number);
  return [r, g, b, a === undefined ? 1 : a];
};
const over = (front, back) => front.slice(0, 3).map((c, i) => c * front[3] + back[i] * (1 - front[3]));
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const colour = parsed(getComputedStyle(at).backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] === 1) break;
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  let colour = dark ? [0, 0, 0] : [255, 255, 255];
  for (const layer of layers.reverse()) colour = over(layer, colour);
  return colour;
};
const light = (colour) => {
  const [r, g, b] = colour.map((c) => {
    const share = c / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let read = 0;
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  const style = getComputedStyle(element);
  if (!texts.currentNode.data.trim() || !element.getClientRects().length || style.visibility === "hidden") continue;
  read += 1;
  const back = behind(element);
  const ink = parsed(element instanceof SVGElement ? style.fill : style.color);
  for (let at = element; at; at = at.parentElement) ink[3] *= Number(getComputedStyle(at).opacity);
  const found = contrast(over(ink, back), back);
  if (found < 4.5) faults.push(`contrast ${found.toFixed(2)} of: ${told(texts.currentNode.data)}`);
}
if (read === 0) faults.push("there is nothing to read");

// 3. Links lead where they say, and names are unique.
const names = new Set();
for (const named of document.querySelectorAll("[id]")) {
  if (names.has(named.id)) faults.push(`the name ${named.id} is given twice`);
  names.add(named.id);
}
for (const link of document.querySelectorAll("a")) {
  const to = link.getAttribute("href") || "";
  if (!to.startsWith("#")) {
    faults.push(`a link leads out of the page: ${to}`);
  } else if (!names.has(to.slice(1))) {
    faults.push(`a link leads nowhere: ${to}`);
  } else {
    link.click();
    const top = document.getElementById(to.slice(1)).getBoundingClientRect().top;
    const last = Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight - 1;
    if (location.hash !== to || top < -1 || (top > innerHeight / 2 && !last)) {
      faults.push(`a link does not come to ${to}: it is ${Math.round(top)} px from the top`);
    }
  }
}
return faults;
