// Put into the page before its own script: when something is on the screen and can be used, and how smoothly it moves.
(() => {
  /** What is done in the next frame is on the screen, and the page is free again, when this is over. */
  const painted = () =>
    new Promise((done) =>
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(null);
      }),
    );
  const there = async (selector) => {
    while (document.querySelector(selector) === null) await new Promise(requestAnimationFrame);
    return painted();
  };

  globalThis.bench = {
    /** When it was shown, in milliseconds since the navigation began. */
    shown: there,
    /** The same, and when a tap on it, as soon as it is shown, has shown something else. */
    async reacts(selector, then) {
      const shown = await there(selector);
      document.querySelector(selector).click();
      return [shown, await there(then)];
    },
    /** From the next tap, as the browser took it in, until it has shown something. */
    tapped(then) {
      return new Promise((done) => {
        const began = async ({ timeStamp }) => done((await there(then)) - timeStamp);
        addEventListener("click", began, { capture: true, once: true });
      });
    },
    /** How long each frame takes, for some time. */
    async frames(ms) {
      const [frames, end] = [[], performance.now() + ms];
      let last = await new Promise(requestAnimationFrame);
      while (last < end) {
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
      }
      return frames;
    },
  };
})();
