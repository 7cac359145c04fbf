export type Failure = {
  readonly suite: string;
  readonly name: string;
  readonly reason?: readonly string[];
  readonly logs?: readonly { readonly of: string; readonly end: readonly string[] }[];
};

export function summary(failures: readonly Failure[], limit: number): readonly string[];
