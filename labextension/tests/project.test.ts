import { ServiceManager } from '@jupyterlab/services';
import { expect, it } from 'vitest';

import { Client } from '../src/client';
import { Project } from '../src/project';
import { ProjectState } from '../src/schema';

/** A project whose server tells one state per folder, and the list of what its signal told. */
function opened(states: { [path: string]: Partial<ProjectState> | Error }): [Project, boolean[]] {
  const client = {
    call: async (_: string, __: object, { project }: { project: string }) => {
      const state = states[project];
      if (state instanceof Error) {
        throw state;
      }
      return state;
    }
  } as unknown as Client;
  const services = { events: { stream: { connect: () => true } } } as unknown as ServiceManager.IManager;
  const project = new Project(client, services);
  const told: boolean[] = [];
  project.changed.connect((_, isAnother) => told.push(isAnother));
  return [project, told];
}

it('keeps what was shown of a project before the server had said which it is', async () => {
  const [project, told] = opened({ '': { root: '/work', store: '/work/.nbops/store.db', seq: 1 } });
  project.watch();
  await project.refresh();
  expect(told).toEqual([false]);
  project.dispose();
});

it('tells another project from a folder of the same one', async () => {
  const work = { root: '/work', store: '/work/.nbops/store.db', seq: 1 };
  const other = { root: '/other', store: '/other/.nbops/store.db', seq: 1 };
  const [project, told] = opened({ '': work, deep: work, other });
  project.watch();
  await project.refresh();
  project.open('deep');
  await project.refresh();
  expect(told).toEqual([false]);
  project.open('other');
  await project.refresh();
  expect(told).toEqual([false, true]);
  project.dispose();
});

it('tells another folder when nothing was known of the one before', async () => {
  const states: { [path: string]: Partial<ProjectState> | Error } = {
    '': new Error('down'),
    other: { root: '/other', store: '/other/.nbops/store.db', seq: 1 }
  };
  const [project, told] = opened(states);
  project.watch();
  await project.refresh().catch(() => undefined);
  project.open('other');
  await project.refresh();
  expect(told.at(-1)).toBe(true);
  project.dispose();
});

it('keeps what was shown through an hour without an answer', async () => {
  const work = { root: '/work', store: '/work/.nbops/store.db', seq: 1 };
  const states: { [path: string]: Partial<ProjectState> | Error } = { '': work };
  const [project, told] = opened(states);
  project.watch();
  await project.refresh();
  states[''] = new Error('down');
  await project.refresh().catch(() => undefined);
  states[''] = work;
  await project.refresh();
  expect(told.slice(1)).not.toContain(true);
  project.dispose();
});
