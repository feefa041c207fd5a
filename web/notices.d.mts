export function packagesOf(inputs: Record<string, unknown>): string[];
export function noticesFor(packages: string[], here: string): Promise<string>;
