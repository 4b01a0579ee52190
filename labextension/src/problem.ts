import { Problem } from './schema';

/** A request that was refused; `problem` says why and what to do. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
  }
}

/** What went wrong, as a problem, whatever was thrown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ProblemError) {
    return error.problem;
  }
  return {
    ...UNREACHABLE,
    code: 'unknown',
    title: '',
    detail: String((error as Error)?.message ?? error)
  };
}

/** What is known when nothing answered. */
export const UNREACHABLE: Problem = {
  type: 'about:blank',
  title: '',
  detail: '',
  code: 'unreachable',
  hint: null,
  status: 0
};
