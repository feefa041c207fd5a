export function codeOf(dictionary: object): string;
