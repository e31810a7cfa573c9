/** The number on the icon of the page: how many promises need this person. */

interface Badged {
  setAppBadge?(count: number): Promise<void>;
}

export async function badge(count: number): Promise<void> {
  // Where there is no icon, there is no badge, and nothing is missing.
  await (navigator as Badged).setAppBadge?.(count).catch(() => undefined);
}
