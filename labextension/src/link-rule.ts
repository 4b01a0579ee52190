import { IRouter, JupyterFrontEnd } from '@jupyterlab/application';

/** What marks an address that asks for something of the panel, as notices carry it. */
export const LINK = /[?&]nbops-(run|sweep)=([0-9a-f]+)/;

/** Open what a link asks for, once the application has started. */
export function followLinks(
  app: JupyterFrontEnd,
  router: IRouter,
  project: { open(folder: string): void }
): void {
  const command = 'nbops:follow-link';
  app.commands.addCommand(command, {
    describedBy: { args: null },
    execute: async () => {
      const here = router.current;
      const { follow } = await import('./links');
      await follow(app, router, here, project);
    }
  });
  // Behind JupyterLab's own rules, which open the folder or file that the address names.
  router.register({ command, pattern: LINK, rank: 1000 });
}
