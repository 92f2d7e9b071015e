// Light or dark: as chosen on this browser, else as the system has it. Runs before the page is drawn.
"use strict";
const groundOf = () => {
  let chosen = null;
  try { chosen = localStorage.getItem("ground"); } catch { /* storage may be switched off */ }
  return chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
};
document.documentElement.dataset.ground = groundOf();
